const texts: Readonly<Record<string, string>> = {
  // Small shared things
  Close: 'Schließen',
  Suggestions: 'Vorschläge',
  '{n} more: type to find them': '{n} weitere: tippen Sie, um sie zu finden',
};

export default texts;
