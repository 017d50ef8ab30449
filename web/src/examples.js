// The tabs of a first visit: every operation in `docs/queries/`, in the order of file names, with
// the variables of the JSON file beside it. Signing in comes first.

const operations = import.meta.glob('../../docs/queries/*.graphql', {
  query: '?raw',
  import: 'default',
  eager: true,
});
const variables = import.meta.glob('../../docs/queries/*.json', {
  query: '?raw',
  import: 'default',
  eager: true,
});

const SIGN_IN = '../../docs/queries/00-sign-in.graphql';
const HEADERS = JSON.stringify({ Authorization: 'Bearer <filled in after SignIn>' }, null, 2);

export const exampleTabs = Object.entries(operations).map(([file, query]) => ({
  query,
  variables: variables[file.replace(/graphql$/, 'json')]?.trim() ?? '{}',
  headers: file === SIGN_IN ? '{}' : HEADERS,
}));
