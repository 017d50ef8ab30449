// Who is signed in, at the end of the row of tabs.

import { useSyncExternalStore } from 'react';

import { currentSession, onSessionChange, signOut } from './session.js';

export function SessionStatus() {
  const session = useSyncExternalStore(onSessionChange, currentSession);

  if (!session) {
    return (
      <div className="session" data-state="signed-out">
        Signed out: run <strong>SignIn</strong>
      </div>
    );
  }
  return (
    <div className="session" data-state="signed-in">
      <span className="session-name">{session.email ?? 'Signed in'}</span>
      <button type="button" className="session-button" onClick={signOut}>
        Sign out
      </button>
    </div>
  );
}
