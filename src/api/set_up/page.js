// The token is behind the #, which browsers do not send anywhere by themselves.
const said = document.getElementById('said');
const value = (id) => document.getElementById(id).value;
document.getElementById('form').addEventListener('submit', async (event) => {
  event.preventDefault();
  if (value('password') !== value('again')) {
    said.textContent = 'The two passwords differ.';
    return;
  }
  said.textContent = 'One moment.';
  const body = JSON.stringify({ token: location.hash.slice(1), username: value('name'), password: value('password') });
  try {
    const answer = await fetch('/set-up', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const told = await answer.json();
    if (answer.ok) {
      history.replaceState(null, '', '/set-up');
      document.getElementById('form').replaceChildren(said);
      said.textContent = `Done: ${told.username} is logged in. The editor opens.`;
      // This page and its token do not stay behind it.
      location.replace('/');
    } else {
      said.textContent = told.message;
    }
  } catch {
    said.textContent = 'The gateway does not answer.';
  }
});
