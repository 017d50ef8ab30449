// The GraphiQL page: an editor over `/graphql`, with the examples in tabs and a session that
// follows from the sign-in mutation.

import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import '@graphiql/plugin-explorer/style.css';
import './style.css';

import { explorerPlugin } from '@graphiql/plugin-explorer';
import { HISTORY_PLUGIN } from '@graphiql/plugin-history';
import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';

import { exampleTabs } from './examples.js';
import { fetcher } from './session.js';
import { SessionStatus } from './SessionStatus.jsx';

// GraphiQL opens the first of the default tabs without its variables; later it remembers them.
const isFirstVisit = localStorage.getItem('graphiql:tabState') === null;

createRoot(document.getElementById('root')).render(
  <GraphiQL
    fetcher={fetcher}
    defaultTabs={exampleTabs}
    initialVariables={isFirstVisit ? exampleTabs[0].variables : undefined}
    defaultEditorToolsVisibility="variables"
    plugins={[HISTORY_PLUGIN, explorerPlugin({ showAttribution: false })]}
  >
    <GraphiQL.Logo>
      <SessionStatus />
    </GraphiQL.Logo>
  </GraphiQL>,
);
