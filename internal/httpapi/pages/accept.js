// The invitation's token stays in this page: it is sent only when the person accepts.
const form = document.querySelector("form");
const result = document.querySelector("output");
const invitation = new URLSearchParams(location.search).get("token") ?? "";

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  const [text, accepted] = await accept(document.querySelector("#access-token").value.trim());
  result.textContent = text;
  result.className = accepted ? "" : "refused";
  button.disabled = accepted;
});

async function accept(accessToken) {
  try {
    const response = await fetch("../v1/invitations/accept", {
      method: "POST",
      headers: { "Content-Type": "application/json", "Authorization": `Bearer ${accessToken}` },
      body: JSON.stringify({ token: invitation }),
    });
    const body = await response.json();
    return response.ok ? [`Welcome. Your roles: ${body.roles.join(", ")}.`, true] : [`${body.detail}.`, false];
  } catch {
    return ["The server cannot be reached. Try again.", false];
  }
}
