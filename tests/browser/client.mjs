// Shows that a client nobody here wrote can work with the server: signs in, makes a portfolio,
// uploads a file of positions as multipart, and pages through them two at a time. The demo data
// has to be there.
//
//     npm ci && node client.mjs http://127.0.0.1:8000 ../fixtures/csv_uploads/33_mixed_realistic.csv
//
// Exits with 0, or with 1 and what went wrong.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { Client, fetchExchange, gql } from '@urql/core';

const [server, path] = process.argv.slice(2);
if (!server || !path) {
  console.error('usage: node client.mjs SERVER_ADDRESS FILE_OF_POSITIONS');
  process.exit(2);
}

let token;
const client = new Client({
  url: new URL('/graphql', server).href,
  exchanges: [fetchExchange],
  preferGetMethod: false,
  fetchOptions: () => ({ headers: token ? { authorization: `Bearer ${token}` } : {} }),
});

async function answer(operation) {
  const { data, error } = await operation.toPromise();
  assert.ifError(error);
  return data;
}

const LOGIN = gql`
  mutation ($input: LoginInput!) {
    login(input: $input) { session { accessToken } userErrors { code message } }
  }
`;
const CREATE = gql`
  mutation ($input: CreatePortfolioInput!) {
    createPortfolio(input: $input) { portfolio { id } userErrors { code message } }
  }
`;
const UPLOAD = gql`
  mutation ($input: UploadPositionsInput!) {
    uploadPositions(input: $input) {
      createdCount
      rejectedCount
      rows { row column code message }
      userErrors { code message }
    }
  }
`;
const PAGE = gql`
  query ($id: ID!, $after: String) {
    portfolio(id: $id) {
      positions(first: 2, after: $after) {
        totalCount
        pageInfo { hasNextPage endCursor }
        nodes { symbol type quantity valuation { exposure quality } }
      }
    }
  }
`;

const input = { email: 'demo_individual@sigmasight.com', password: 'demo12345' };
const { login } = await answer(client.mutation(LOGIN, { input }));
assert.deepEqual(login.userErrors, []);
token = login.session.accessToken;

const name = `Uploaded ${new Date().toISOString()}`;
const { createPortfolio } = await answer(client.mutation(CREATE, { input: { name } }));
assert.deepEqual(createPortfolio.userErrors, []);
const portfolioId = createPortfolio.portfolio.id;

const file = new File([await readFile(path)], 'positions.csv', { type: 'text/csv' });
// The dates of the file are judged as of the day it was made for.
const referenceDate = '2024-06-28';
const { uploadPositions: uploaded } = await answer(
  client.mutation(UPLOAD, { input: { portfolioId, file, referenceDate } }),
);
assert.deepEqual(uploaded.userErrors, []);
assert.ok(uploaded.createdCount > 0, 'some rows are good');
assert.equal(new Set(uploaded.rows.map(({ row }) => row)).size, uploaded.rejectedCount);

const symbols = [];
let after = null;
let positions;
do {
  ({ positions } = (await answer(client.query(PAGE, { id: portfolioId, after }))).portfolio);
  assert.ok(positions.nodes.length <= 2);
  symbols.push(...positions.nodes.map(({ symbol }) => symbol));
  after = positions.pageInfo.endCursor;
} while (positions.pageInfo.hasNextPage);
assert.equal(symbols.length, uploaded.createdCount);
assert.equal(positions.totalCount, uploaded.createdCount);
assert.deepEqual(symbols, [...symbols].sort());
console.log(`urql uploaded ${symbols.length} positions and read them back: ${symbols.join(', ')}`);
