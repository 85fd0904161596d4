// Exchanges the token, or the code in the address's fragment, for a cookie.
"use strict";

/** Where to go on: a path of this server, never another one. */
function next() {
  const wanted = new URLSearchParams(location.search).get("next") ?? "/";
  try {
    const url = new URL(wanted, location.origin);
    return url.origin === location.origin && url.pathname !== "/login" ? url.pathname + url.search : "/";
  } catch {
    return "/";
  }
}

async function logIn(proof) {
  const message = document.getElementById("message");
  message.textContent = "";
  try {
    const answer = await fetch("/api/pulse/login", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(proof),
    });
    if (answer.ok) {
      location.replace(next());
      return;
    }
    message.textContent = (await answer.json()).error.message;
  } catch (error) {
    message.textContent = `The server does not answer: ${error.message}`;
  }
}

document.getElementById("form").addEventListener("submit", (event) => {
  event.preventDefault();
  logIn({ token: document.getElementById("token").value.trim() });
});

const code = new URLSearchParams(location.hash.slice(1)).get("code");
if (code) {
  history.replaceState(null, "", location.pathname + location.search);
  logIn({ code });
}
