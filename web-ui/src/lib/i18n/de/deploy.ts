const texts: Readonly<Record<string, string>> = {
  Deploy: 'Übernehmen',
  'Deploy …': 'Übernehmen …',
  'Deploying …': 'Wird übernommen …',
  'Save layout': 'Anordnung sichern',
  'Deploy: 1 thing is not deployed': 'Übernehmen: 1 Änderung ist nicht übernommen',
  'Deploy: {n} things are not deployed': 'Übernehmen: {n} Änderungen sind nicht übernommen',
  'Everything is deployed': 'Alles ist übernommen',
  'Ways to deploy': 'Arten der Übernahme',
  'Changed nodes …': 'Geänderte Knoten …',
  'Changed flows …': 'Geänderte Flows …',
  'Everything, restarting all nodes …': 'Alles, mit Neustart aller Knoten …',
  'Deploy changed flows …': 'Geänderte Flows übernehmen …',
  'Deploy everything, restarting all nodes …': 'Alles übernehmen, mit Neustart aller Knoten …',
  'Give up what is not deployed …': 'Nicht Übernommenes verwerfen …',
  'Give up what is not deployed': 'Nicht Übernommenes verwerfen',
  'Give up changes': 'Änderungen verwerfen',
  'Give up': 'Verwerfen',
  'The draft becomes what runs: 1 thing that differs is put back.': 'Der Entwurf wird zu dem, was läuft: 1 Abweichung wird zurückgesetzt.',
  'The draft becomes what runs: {n} things that differ are put back.': 'Der Entwurf wird zu dem, was läuft: {n} Abweichungen werden zurückgesetzt.',
  'This can be undone.': 'Das lässt sich rückgängig machen.',
  'The draft is what runs again.': 'Der Entwurf ist wieder das, was läuft.',

  // Probation
  'Revision {number} is on probation.': 'Stand {number} ist in der Probezeit.',
  'Revision {number} of {who} is on probation.': 'Stand {number} von {who} ist in der Probezeit.',
  '{time} left.': 'Noch {time}.',
  'When it does not get healthy, the gateway takes it back by itself.': 'Läuft er nicht einwandfrei, nimmt das Gateway ihn von selbst zurück.',
  'The time is over: waiting for the verdict.': 'Die Zeit ist um: Das Urteil steht noch aus.',
  'Confirm it within that time, or it is taken back.': 'Bestätigen Sie ihn in dieser Zeit, sonst wird er zurückgenommen.',
  Confirmed: 'Bestätigt',
  Keep: 'Behalten',
  'Take back now': 'Jetzt zurücknehmen',
  'Keep the revision on probation': 'Den Stand in der Probezeit behalten',
  'Take back the revision on probation': 'Den Stand in der Probezeit zurücknehmen',
  'Revision {number} has proved good.': 'Stand {number} hat sich bewährt.',
  'Revision {number} was taken back, revision {to} runs again.': 'Stand {number} wurde zurückgenommen, Stand {to} läuft wieder.',
  'Your changes are still here: put right what is named, and deploy again.':
    'Ihre Änderungen sind noch hier: Beheben Sie, was genannt ist, und übernehmen Sie noch einmal.',
  Understood: 'Verstanden',
  Problems: 'Probleme',
  'revision {number} taken back by hand': 'Stand {number} von Hand zurückgenommen',
  'no earlier revision is known to be good': 'kein früherer Stand ist als gut bekannt',
  'Back to revision {number}': 'Zurück zu Stand {number}',
  'Secrets given to the gateway': 'Geheimnisse an das Gateway gegeben',

  // Others, and answers that were lost
  '{who} has deployed revision {number}.': '{who} hat Stand {number} übernommen.',
  'You have changes that are not deployed.': 'Sie haben Änderungen, die nicht übernommen sind.',
  'Put together …': 'Zusammenführen …',
  'Revision {number} of {who}': 'Stand {number} von {who}',
  'The gateway went away while you deployed: it is not known whether the deploy has arrived. It will be looked up as soon as the gateway is back.':
    'Das Gateway war während der Übernahme plötzlich weg: Es ist nicht bekannt, ob sie angekommen ist. Das wird nachgesehen, sobald das Gateway wieder da ist.',
  'The deploy has arrived: it is revision {number}.': 'Die Übernahme ist angekommen: Es ist Stand {number}.',
  'The deploy has not arrived, and nothing was changed. Your draft is still here: deploy it again.':
    'Die Übernahme ist nicht angekommen, und nichts wurde geändert. Ihr Entwurf ist noch hier: Übernehmen Sie ihn noch einmal.',
};

export default texts;
