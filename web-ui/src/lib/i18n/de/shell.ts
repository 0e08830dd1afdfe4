const texts: Readonly<Record<string, string>> = {
  'You have been logged out. What you have changed here is still there.': 'Sie wurden abgemeldet. Was Sie hier geändert haben, ist noch da.',
  Name: 'Name',
  Password: 'Passwort',
  'Log in': 'Anmelden',
  Undo: 'Rückgängig',
  Redo: 'Wiederholen',
};

export default texts;
