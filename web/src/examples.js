// The tabs of a first visit: every operation in `examples/`, in the order of file names, with
// the variables of the JSON file beside it.

const operations = import.meta.glob('./examples/*.graphql', {
  query: '?raw',
  import: 'default',
  eager: true,
});
const variables = import.meta.glob('./examples/*.json', {
  query: '?raw',
  import: 'default',
  eager: true,
});

const SIGN_IN = './examples/01-sign-in.graphql';
const HEADERS = JSON.stringify({ Authorization: 'Bearer <filled in after SignIn>' }, null, 2);

export const exampleTabs = Object.entries(operations).map(([file, query]) => ({
  query,
  variables: variables[file.replace(/graphql$/, 'json')]?.trim() ?? '{}',
  headers: file === SIGN_IN ? '{}' : HEADERS,
}));
