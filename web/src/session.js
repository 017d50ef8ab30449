// The session of this browser tab, and the fetcher that makes and uses it.
//
// - A mutation that answers with a `session` (login, refreshSession) signs the tab in; `logout`
//   or the button signs it out. Tokens live in sessionStorage: gone with the tab, never shared.
// - The access token goes along as `Authorization` unless the headers editor sets one. Examples
//   carry a placeholder in angle brackets there, which counts as not set.
// - A token that the server no longer takes is exchanged, unseen, and the operation sent again.
//   That asks the server alone: its clock may be set to another day than the browser's.

import { createGraphiQLFetcher } from '@graphiql/toolkit';

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
export async function fetcher(operation, options) {
  const prepared = {
    query: operation.query,
    variables: withPortfolio(operation.variables),
    operationName: nameWithin(operation),
  };
  const attempt = () => send(prepared, { ...options, headers: authorized(options?.headers) });

  let result = await attempt();
  if (isUnauthenticated(result) && sendsOwnToken(options?.headers)) {
    await refresh();
    result = await attempt(); // as nobody, where the session is over
  }
  noteSession(result);
  return result;
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

// `<portfolioId>` stands for the first portfolio of whoever is signed in.
function withPortfolio(variables) {
  if (variables?.portfolioId !== '<portfolioId>' || !session?.portfolioId) return variables;
  return { ...variables, portfolioId: session.portfolioId };
}

// For a moment after a change of tabs GraphiQL still gives the name that the other tab had.
function nameWithin({ query, operationName }) {
  return query.includes(operationName) ? operationName : undefined;
}

function isPlaceholder(value) {
  return value.includes('<');
}
