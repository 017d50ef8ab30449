// The session of this browser tab, and the fetcher that makes and uses it.
//
// - A mutation that answers with a `session` (login, refreshSession) signs the tab in; `logout`
//   or the button signs it out. Tokens live in sessionStorage: gone with the tab, never shared.
// - The access token goes along as `Authorization` unless the headers editor sets one. Examples
//   carry a placeholder in angle brackets there, which counts as not set.
// - A subscription is read as events that the server sends, over the same address and by the same
//   token as everything else.
// - A token that the server no longer takes is exchanged, unseen, and the operation sent again.
//   That asks the server alone: its clock may be set to another day than the browser's.

import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { parse } from 'graphql';

const STORAGE_KEY = 'sigmasight:session';

const REFRESH = `mutation RefreshSession($refreshToken: String!) {
  refreshSession(input: { refreshToken: $refreshToken }) {
    session { accessToken refreshToken }
    userErrors { code }
  }
}`;

const send = createGraphiQLFetcher({ url: '/graphql', enableIncrementalDelivery: false });
const listeners = new Set();
let session = JSON.parse(sessionStorage.getItem(STORAGE_KEY));
let refreshing = null;

/** The session, or null; the same object until it changes. */
export function currentSession() {
  return session;
}

/** Calls `listener` on every change; returns how to stop that. */
export function onSessionChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Ends the session here at once, and on the server when it can be reached. */
export function signOut() {
  const headers = authorized({});
  replaceSession(null);
  send({ query: 'mutation Logout { logout { ok } }' }, { headers }).catch(() => {});
}

/** What GraphiQL sends operations through. */
export function fetcher(operation, options) {
  const prepared = {
    query: operation.query,
    variables: filledIn(operation.variables),
    operationName: nameWithin(operation),
  };
  const run = isSubscription(prepared, options) ? watch : ask;
  return run(prepared, options);
}

async function ask(prepared, options) {
  const attempt = () => send(prepared, { ...options, headers: authorized(options?.headers) });

  let result = await attempt();
  if (isUnauthenticated(result) && sendsOwnToken(options?.headers)) {
    await refresh();
    result = await attempt(); // as nobody, where the session is over
  }
  noteSession(result);
  return result;
}

// Every answer of a subscription. The editor stops it by leaving the loop.
async function* watch(prepared, options) {
  const stop = new AbortController();
  const open = () =>
    fetch('/graphql', {
      method: 'POST',
      headers: {
        ...authorized(options?.headers),
        accept: 'text/event-stream',
        'content-type': 'application/json',
      },
      body: JSON.stringify(prepared),
      signal: stop.signal,
    });
  try {
    let response = await open();
    if (response.status === 401 && sendsOwnToken(options?.headers)) {
      await refresh();
      response = await open();
    }
    if (!response.ok) {
      yield await response.json();
      return;
    }
    let text = '';
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const events = (text + value).split('\n\n');
      text = events.pop();
      for (const event of events) {
        const [name, data] = event.split('\ndata:');
        if (name === 'event: next') yield JSON.parse(data);
      }
    }
  } finally {
    stop.abort();
  }
}

function replaceSession(next) {
  session = next;
  if (next) sessionStorage.setItem(STORAGE_KEY, JSON.stringify(next));
  else sessionStorage.removeItem(STORAGE_KEY);
  for (const listener of listeners) listener();
}

// Looks for a session under every top-level field, since the operation may rename them.
function noteSession(result) {
  const payloads = Object.values(result?.data ?? {});
  const signedIn = payloads.find((payload) => payload?.session?.accessToken);
  if (signedIn) {
    const { accessToken, refreshToken } = signedIn.session;
    const { user, portfolios } = signedIn.viewer ?? {};
    const portfolioId = portfolios?.nodes?.[0]?.id;
    replaceSession({ accessToken, refreshToken, email: user?.email, portfolioId });
  } else if (result?.data?.logout?.ok) {
    replaceSession(null);
  }
  const job = payloads.find((payload) => payload?.backfillJob)?.backfillJob;
  if (job && session) replaceSession({ ...session, jobId: job.id });
}

// One exchange at a time: a refresh token that is used twice ends the session on the server.
function refresh() {
  refreshing ??= exchange().finally(() => {
    refreshing = null;
  });
  return refreshing;
}

async function exchange() {
  const variables = { refreshToken: session.refreshToken };
  const result = await send({ query: REFRESH, variables }, { headers: {} });
  const tokens = result.data?.refreshSession?.session;
  replaceSession(tokens && session ? { ...session, ...tokens } : null);
}

function isUnauthenticated(result) {
  return result?.errors?.some((error) => error.extensions?.code === 'UNAUTHENTICATED') ?? false;
}

function sendsOwnToken(headers) {
  const chosen = new Headers(headers).get('authorization');
  return session !== null && (chosen === null || isPlaceholder(chosen));
}

function authorized(headers) {
  const all = new Headers(headers);
  if (isPlaceholder(all.get('authorization') ?? '')) all.delete('authorization');
  if (session && !all.has('authorization')) {
    all.set('authorization', `Bearer ${session.accessToken}`);
  }
  return Object.fromEntries(all);
}

// `<portfolioId>` stands for the first portfolio of whoever is signed in, and `<jobId>` for the job
// that their last upload led to.
function filledIn(variables) {
  const filled = { ...variables };
  for (const name of ['portfolioId', 'jobId']) {
    if (filled[name] === `<${name}>` && session?.[name]) filled[name] = session[name];
  }
  return filled;
}

function isSubscription({ query, operationName }, options) {
  const document = options?.documentAST ?? parse(query);
  const operations = document.definitions.filter(({ kind }) => kind === 'OperationDefinition');
  const chosen = operations.find(({ name }) => name?.value === operationName) ?? operations[0];
  return chosen?.operation === 'subscription';
}

// For a moment after a change of tabs GraphiQL still gives the name that the other tab had.
function nameWithin({ query, operationName }) {
  return query.includes(operationName) ? operationName : undefined;
}

function isPlaceholder(value) {
  return value.includes('<');
}
