import type { Action } from './action';

export const actions: readonly Action[] = [
  { id: 'app.palette', name: 'Search and do anything', keywords: 'command palette find go to', keys: ['Mod+K', 'Mod+Shift+P'], whileTyping: true, perform: ({ view }) => view.open('palette') },
  { id: 'app.shortcuts', name: 'Shortcuts', keywords: 'keys keyboard help', keys: ['?'], perform: ({ view }) => view.open('shortcuts') },
  { id: 'app.import', name: 'Import flows …', keywords: 'paste node-red json file open', keys: ['Mod+I'], needs: 'deploy', perform: ({ view }) => view.open('import') },
  { id: 'app.export', name: 'Export flows …', keywords: 'save download copy json', keys: ['Mod+E'], perform: ({ view }) => view.open('export') },
  { id: 'app.dashboard', name: 'Open the dashboard', keywords: 'gauge chart widgets page', perform: () => void window.open('/dashboard', '_blank', 'noopener') },
  { id: 'app.revisions', name: 'Show revisions', keywords: 'history rollback version', perform: ({ view }) => view.reveal('revisions') },
  { id: 'app.system', name: 'Show the system', keywords: 'cpu memory disk wear health clock', perform: ({ view }) => view.reveal('system') },
  { id: 'app.users', name: 'Show users', keywords: 'roles people', needs: 'admin', perform: ({ view }) => view.reveal('users') },
  { id: 'app.tokens', name: 'Show tokens and sessions', keywords: 'api machine key', needs: 'admin', perform: ({ view }) => view.reveal('tokens') },
  { id: 'app.audit', name: 'Show the audit', keywords: 'who did what', needs: 'admin', perform: ({ view }) => view.reveal('audit') },
  { id: 'app.light', name: 'Light colours', keywords: 'theme', perform: ({ view }) => void (view.kept.theme = 'light') },
  { id: 'app.dark', name: 'Dark colours', keywords: 'theme night', perform: ({ view }) => void (view.kept.theme = 'dark') },
  { id: 'app.system-colours', name: 'Colours as the system', keywords: 'theme light dark', perform: ({ view }) => void (view.kept.theme = 'system') },
  { id: 'app.password', name: 'Change my password …', when: ({ session }) => session.who?.kind === 'session', perform: ({ view }) => view.open('password') },
  { id: 'app.log-out', name: 'Log out', perform: ({ session }) => session.logOut() },
];
