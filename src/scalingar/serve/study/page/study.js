"use strict";
// One question after the other. The key of the study and the participant's code stand behind the # of the address,
// which a browser sends to nobody.

const SCALES = {
  rating: ["bad", "poor", "fair", "good", "excellent"],
  pair: ["left, clearly", "left", "equal", "right", "right, clearly"],
};
const QUESTIONS = {
  rating: "How good is this picture of the text above?",
  pair: "Which picture of the text above is better?",
};
const EQUAL = 3;
const SECTIONS = ["start", "ask", "end"];

const at = (id) => document.getElementById(id);
const words = new URLSearchParams(location.hash.slice(1));
let code = words.get("code") || "";
let question = null;
let busy = false;
let blobs = [];

function headers(more = {}) {
  return words.has("key") ? { ...more, authorization: `Bearer ${words.get("key")}` } : more;
}

async function call(path, body) {
  const init = body === undefined
    ? { headers: headers() }
    : { method: "POST", headers: headers({ "content-type": "application/json" }), body: JSON.stringify(body) };
  let answer;
  try {
    answer = await fetch(path, init);
  } catch {
    throw new Error("The server does not answer. What you answered is kept; try again.");
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => null);
  throw new Error(told ? told.error.message : `The server answered ${answer.status}.`);
}

function show(section) {
  for (const id of SECTIONS) at(id).hidden = id !== section;
}

// Runs one action at a time; what goes wrong is a sentence on the page.
async function act(action) {
  if (busy) return;
  busy = true;
  at("error").textContent = "";
  try {
    await action();
  } catch (error) {
    at("error").textContent = error.message;
  }
  busy = false;
}

function remember(mine) {
  code = mine;
  words.set("code", mine);
  history.replaceState(null, "", `#${words}`);
  at("mine").textContent = mine;
}

async function picture(name) {
  const url = URL.createObjectURL(await (await call(`pictures/${name}`)).blob());
  blobs.push(url);
  return url;
}

async function ask(told) {
  at("bar").value = told.total ? told.done / told.total : 1;
  if (told.question === null) return show("end");
  const urls = await Promise.all(told.pictures.map(picture));
  question = told;
  at("count").textContent = `${told.done + 1} of ${told.total}`;
  at("prompt").textContent = told.prompt;
  at("asked").textContent = QUESTIONS[told.kind];
  at("pictures").replaceChildren(...urls.map((url, side) => {
    const figure = document.createElement("figure");
    const image = new Image();
    const name = urls.length > 1 ? ["left", "right"][side] : "picture";
    image.src = url;
    image.alt = urls.length > 1 ? `the ${name} picture` : "the picture";
    figure.append(image);
    if (urls.length > 1) {
      const caption = document.createElement("figcaption");
      caption.textContent = name;
      figure.append(caption);
    }
    return figure;
  }));
  at("scale").querySelector("div").replaceChildren(...SCALES[told.kind].map((word, step) => {
    const label = document.createElement("label");
    const input = document.createElement("input");
    Object.assign(input, { type: "radio", name: "value", value: String(step + 1) });
    const text = document.createElement("span");
    const number = document.createElement("b");
    number.textContent = String(step + 1);
    text.append(number, word);
    label.append(input, text);
    return label;
  }));
  for (const box of at("reasons").querySelectorAll("input")) box.checked = false;
  refresh();
  show("ask");
  scrollTo(0, 0);
}

const value = () => Number(at("ask").querySelector("input[name=value]:checked")?.value || 0);
const reasons = () => [...at("reasons").querySelectorAll("input:checked")].map((box) => box.value);
const asksWhy = () => question.kind === "pair" && value() !== 0 && value() !== EQUAL;

function refresh() {
  at("reasons").hidden = !asksWhy();
  at("send").disabled = !value() || (asksWhy() && !reasons().length);
}

function send() {
  if (at("send").disabled) return;
  act(async () => {
    const told = { code, question: question.question, value: value(), reasons: asksWhy() ? reasons() : [] };
    const next = await (await call("answers", told)).json();
    const old = blobs;
    blobs = [];
    await ask(next);
    old.forEach((url) => URL.revokeObjectURL(url));
  });
}

at("begin").addEventListener("click", () => act(async () => {
  remember((await (await call("participants", {})).json()).code);
  await ask(await (await call("next", { code })).json());
}));
at("back").addEventListener("submit", (event) => {
  event.preventDefault();
  act(async () => {
    const mine = at("code").value.trim().toLowerCase();
    const told = await (await call("next", { code: mine })).json();
    remember(mine);
    await ask(told);
  });
});
at("ask").addEventListener("change", refresh);
at("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
document.addEventListener("keydown", (event) => {
  if (at("ask").hidden || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const radio = at("ask").querySelector(`input[name=value][value="${CSS.escape(event.key)}"]`);
  const reason = { p: "prompt", q: "quality", l: "plausibility" }[event.key.toLowerCase()];
  if (radio) {
    radio.checked = true;
    radio.focus({ preventScroll: true });
  } else if (reason && asksWhy()) {
    const box = at("reasons").querySelector(`input[value=${reason}]`);
    box.checked = !box.checked;
  } else if (event.key === "Enter" && event.target.tagName !== "BUTTON") {
    event.preventDefault();
    return send();
  }
  refresh();
});

if (code) {
  remember(code);
  act(async () => {
    try {
      await ask(await (await call("next", { code })).json());
    } catch (error) {
      show("start");
      throw error;
    }
  });
} else {
  show("start");
}
