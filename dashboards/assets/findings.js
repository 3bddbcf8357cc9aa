// Steps of a finding: who, why and the verdict go to the API, which checks and logs them.
(function () {
  "use strict";

  const JSON_HEADERS = { "Content-Type": "application/json" };

  async function step(address, body) {
    const answer = await fetch(address, { method: "POST", headers: JSON_HEADERS, body: JSON.stringify(body) });
    if (answer.ok) {
      return "";
    }
    try {
      const found = await answer.json();
      return found.error || String(answer.status);
    } catch {
      return String(answer.status);
    }
  }

  async function move(button) {
    const form = button.closest("[data-judging]");
    const [person, reason] = ["person", "reason"].map((name) => form.querySelector(`[id^="${name}-"]`).value.trim());
    const status = form.querySelector("[role=status]");
    const buttons = form.querySelectorAll("button");
    buttons.forEach((one) => { one.disabled = true; });
    status.textContent = form.dataset.sending;
    let problem = "";
    for (const stage of button.dataset.move.split(" ")) {
      const body = stage === "seen" ? { person, reason: "" } : { person, reason };
      if (stage === "judged" && button.dataset.verdict) {
        body.verdict = button.dataset.verdict;
      }
      try {
        problem = await step(`/api/bridges/findings/${form.dataset.judging}/${stage}`, body);
      } catch {
        problem = form.dataset.away;
      }
      if (problem) {
        break;
      }
      // What is done is not sent again if the next step is refused.
      buttons.forEach((one) => { one.dataset.move = one.dataset.move.replace(stage, "").trim(); });
    }
    if (problem) {
      status.lang = problem === form.dataset.away ? "" : "en";
      status.textContent = problem;
      buttons.forEach((one) => { one.disabled = one.dataset.move === ""; });
      return;
    }
    window.location.hash = `finding-${form.dataset.judging}`;
    window.location.reload();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-move]");
    if (button && !button.disabled) {
      move(button);
    }
  });
})();
