// Shows that GraphiQL works with no network but loopback: signs in, runs a query, and leaves a
// screenshot to look at. The demo data has to be there.
//
//     npm ci && node graphiql.mjs http://127.0.0.1:8000 /tmp/graphiql.png
//
// Exits with 0, or with 1 and what went wrong. CHROMIUM names the browser's program where it
// is not /usr/bin/chromium.

import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const [server, screenshot] = process.argv.slice(2);
if (!server || !screenshot) {
  console.error('usage: node graphiql.mjs SERVER_ADDRESS SCREENSHOT_PATH');
  process.exit(2);
}

const LOOPBACK = ['127.0.0.1', '[::1]', 'localhost'];
const PATIENCE_MS = 60_000; // a development build on a busy machine

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
try {
  const page = await browser.newPage({ viewport: { width: 1600, height: 900 } });
  page.setDefaultTimeout(PATIENCE_MS);
  const complaints = await collectComplaints(page);

  await page.goto(new URL('/graphql', server).href);
  await showsEditor(page);

  await run(page, 'SignIn', 'accessToken');
  await page.locator('.session[data-state="signed-in"]').waitFor();

  const book = await run(page, 'Holdings', 'marketValue');
  assert.match(book, /"positions":/, 'the book lists its positions');
  assert.doesNotMatch(book, /"errors":/, 'the book comes without errors');

  await showsDocumentation(page);
  await page.screenshot({ path: screenshot });
  assert.deepEqual(complaints, []);
  console.log(`GraphiQL works without a network; see ${screenshot}`);
} finally {
  await browser.close();
}

// Requests that leave the machine (which are stopped), errors of the page, and whatever its
// content security policy refused.
async function collectComplaints(page) {
  const complaints = [];
  await page.context().route('**/*', (route) => {
    const address = new URL(route.request().url());
    const isLocal = LOOPBACK.includes(address.hostname) || address.protocol === 'data:';
    if (isLocal) return route.continue();
    complaints.push(`request to ${address.origin}`);
    return route.abort();
  });
  page.on('pageerror', (error) => complaints.push(`page error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`console: ${message.text()}`);
  });
  return complaints;
}

async function showsEditor(page) {
  await page.locator('.graphiql-query-editor .view-lines').waitFor();
  await page.getByRole('tab').getByText('SignIn').waitFor();
}

// Clicks a tab and the button that executes it; returns the response once it names `field`.
async function run(page, operation, field) {
  await page.getByRole('tab').getByText(operation, { exact: true }).click();
  await page.getByRole('button', { name: /^Execute query/ }).click();
  const response = page.locator('.graphiql-response');
  await response.getByText(`"${field}"`, { exact: true }).first().waitFor();
  return (await response.locator('.view-lines').innerText()).replaceAll('\u00a0', ' ');
}

// The schema has arrived when its root types are listed.
async function showsDocumentation(page) {
  await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
  await page.locator('.graphiql-doc-explorer').getByText('Mutation').first().waitFor();
}
