'use strict';
// What the review page and the served page have in common. Each fills `hooks` with what it does in its own way.
let day = JSON.parse(document.getElementById('day').textContent);
const catalogue = JSON.parse(document.getElementById('texts').textContent);
const ROW = 64; // Height of a row of the list in pixels, as in the style sheet.
const ZOOMS = [1, 1.5, 2, 3, 4, 6, 8];
const SVG = 'http://www.w3.org/2000/svg';
const byId = (id) => document.getElementById(id);

// drawStage: the picture; drawNone: what is shown where no instance is chosen; put: a decision is new;
// undo: the last one is taken back; near: [label, similarity, picture] of the neighbours of an instance.
const hooks = {drawNone() {}, isMarked: () => false};
let classes = [...day.classes];
const decisions = new Map(); // Of instances by their places: {label, verdict}.
const history = []; // What was decided before, for undo: {place, before}.
let order = day.instances.map((_, place) => place); // Places of the instances in the list.
let current = 0, zoom = 0, language = 'en', said = () => '';

// Characters that are not seen but do something are shown as escapes.
const shown = (text) => text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
  (letter) => '\\u' + letter.codePointAt(0).toString(16).padStart(4, '0'));
const say = (name, values = {}) => catalogue[language][name].replace(/\{(\w+)\}/g, (_, key) => shown(String(values[key])));
const percent = (share) => Math.round(100 * share);

function make(tag, text = '', attributes = {}) {
  const element = document.createElement(tag);
  element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function answerText(instance) {
  const score = instance.scores[day.classes.indexOf(instance.label)];
  const values = {label: instance.label, percent: percent(score)};
  return say('answer_' + instance.answer.replace(' ', '_'), values);
}

function decisionText(place) {
  const decision = decisions.get(place);
  return decision ? say(decision.verdict, decision) : say('open');
}

// The list: only rows that are in view exist.

function makeRow(index) {
  const place = order[index], instance = day.instances[place];
  const row = make('div', '', {class: 'row', role: 'option', id: 'row-' + place, 'aria-selected': place === current,
    'aria-posinset': index + 1, 'aria-setsize': order.length});
  row.style.top = index * ROW + 'px';
  row.classList.toggle('marked', hooks.isMarked(place));
  const text = make('div'), decision = decisions.get(place);
  text.append(make('span', answerText(instance)));
  if (decision) text.append(make('span', decisionText(place), {class: decision.verdict === 'accepted' ? 'decision' : 'decision changed'}));
  else text.append(make('span', shown(day.images[instance.image].name.split(/[\\/]/).pop())));
  row.append(make('img', '', {src: instance.crop, alt: ''}), text);
  row.addEventListener('click', (event) => (hooks.clickRow ?? show)(place, event));
  return row;
}

function drawList() {
  const list = byId('list'), index = order.indexOf(current);
  const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 3);
  const last = Math.min(order.length, first + Math.ceil(list.clientHeight / ROW) + 6);
  const rows = new Set(index < 0 ? [] : [index]);
  for (let row = first; row < last; row++) rows.add(row);
  byId('rows').style.height = order.length * ROW + 'px';
  byId('rows').replaceChildren(...[...rows].sort((a, b) => a - b).map(makeRow));
  if (index < 0) list.removeAttribute('aria-activedescendant');
  else list.setAttribute('aria-activedescendant', 'row-' + current);
}

function scrollToCurrent() {
  const list = byId('list'), top = Math.max(order.indexOf(current), 0) * ROW;
  if (top < list.scrollTop) list.scrollTop = top;
  if (top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW - list.clientHeight;
}

// The instance.

function drawNear() {
  const instance = day.instances[current];
  const views = [[instance.view, say('this_one'), ''], ...hooks.near(instance).map(([label, similarity, picture]) =>
    [picture, shown(label), say('similarity', {value: similarity.toFixed(2)})])];
  byId('near').replaceChildren(...views.map(([picture, name, note]) => {
    const figure = make('figure'), caption = make('figcaption', name);
    caption.append(make('br'), note);
    figure.append(make('img', '', {src: picture, alt: name}), caption);
    return figure;
  }));
}

function drawClasses() {
  const instance = day.instances[current], label = decisions.get(current)?.label;
  byId('classes').replaceChildren(...classes.map((name, index) => {
    const button = make('button', '', {type: 'button', 'aria-pressed': name === label});
    if (index < 9) button.append(make('kbd', index + 1));
    const text = make('span', shown(name), {class: 'name'});
    if (index < instance.scores.length) text.append(make('span', percent(instance.scores[index]) + ' %', {class: 'score'}));
    button.append(text);
    button.addEventListener('click', () => relabel(name));
    return button;
  }));
  for (const [id, verdict] of [['unknown', 'unknown'], ['no-defect', 'no defect']]) {
    byId(id).setAttribute('aria-pressed', decisions.get(current)?.verdict === verdict);
  }
}

function drawProgress() {
  const all = day.instances.length, text = say('progress', {done: decisions.size, all});
  byId('bar').value = all ? decisions.size / all : 0;
  byId('bar').setAttribute('aria-label', text);
  byId('progress').textContent = text;
}

function draw() {
  drawProgress();
  byId('undo').disabled = history.length === 0;
  if (current < 0) return hooks.drawNone();
  byId('answered').textContent = say('answer') + ': ' + answerText(day.instances[current]);
  const {verdict} = day.instances[current];
  byId('verdict').textContent = ['sure', 'review'].includes(verdict) ? say(verdict) : '';
  byId('decision').textContent = decisionText(current);
  for (const part of [hooks.drawStage, drawNear, drawClasses, drawList]) part();
}

function show(place) {
  current = place;
  zoom = 0;
  scrollToCurrent();
  draw();
}

function step(by) {
  if (!order.length) return;
  const index = order.indexOf(current);
  show(order[Math.min(Math.max(index < 0 ? 0 : index + by, 0), order.length - 1)]);
}

// What is said is made anew in another language.
function tell(name, values = () => ({})) {
  said = () => say(name, values());
  byId('status').textContent = said();
}

// Decisions.

function put(place, decision) {
  if (decision) decisions.set(place, decision);
  else decisions.delete(place);
}

function decide(label, verdict) {
  const place = current, index = order.indexOf(place);
  history.push({place, before: decisions.get(place)});
  put(place, {label, verdict});
  hooks.put(place);
  let next = place;
  for (let by = 1; by < order.length && decisions.has(next); by++) next = order[(index + by) % order.length];
  if (decisions.size === day.instances.length) tell(hooks.allDone);
  else tell('decided', () => ({answer: answerText(day.instances[place]), decision: decisionText(place)}));
  show(decisions.has(next) ? place : next);
  // Else the space bar would press the button again that was clicked.
  byId('list').focus({preventScroll: true});
}

function accept() {
  const {answer, label} = day.instances[current];
  if (answer === 'class') decide(label, 'accepted');
  else decide(null, answer);
}

function relabel(name) {
  const {answer, label} = day.instances[current];
  decide(name, answer === 'class' && name === label ? 'accepted' : 'relabelled');
}

// The name as it is spelt where there is such a class: names that differ in case only are refused.
const classNamed = (typed) => classes.find((name) => name.toLowerCase() === typed.toLowerCase()) ?? typed;

function typedClass() {
  const typed = byId('name').value.trim();
  byId('name').value = '';
  return classNamed(typed);
}

function pressed(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const isCommand = event.ctrlKey || event.metaKey;
  let act = null;
  if (isCommand && key === 's') act = hooks.save;
  else if (event.target.matches('input:not([type]), select') || event.altKey) return;
  else if (event.target.matches('#stage') && key.startsWith('Arrow')) act = hooks.stageKey?.(event) ?? null;
  else if (isCommand) act = key === 'z' ? hooks.undo : null;
  else if ([' ', 'Enter'].includes(key) && event.target.matches('button, summary, input, a')) return;
  else if (byId('shortcuts').checked || key.startsWith('Arrow')) {
    const isClass = current >= 0 && /^[1-9]$/.test(key) && classes[key - 1] !== undefined;
    act = isClass ? () => relabel(classes[key - 1]) : KEYS[key];
    if (act && current < 0 && hooks.needsInstance?.(key)) act = null;
  }
  if (!act) return;
  event.preventDefault();
  act();
}

const KEYS = {
  ' ': accept, u: () => decide(null, 'unknown'), n: () => decide(null, 'no defect'), z: () => hooks.undo(),
  ArrowDown: () => step(1), ArrowUp: () => step(-1), ArrowRight: () => step(1), ArrowLeft: () => step(-1),
};

function translate(to) {
  language = to;
  document.documentElement.lang = to;
  for (const element of document.querySelectorAll('[data-text]')) element.textContent = say(element.dataset.text);
  for (const element of document.querySelectorAll('[data-label]')) element.setAttribute('aria-label', say(element.dataset.label));
  drawErrors();
  byId('status').textContent = said();
  if (day.instances.length) draw();
}

function drawErrors() {
  byId('broken').hidden = day.errors.length === 0;
  byId('broken').querySelector('summary').textContent = say('broken', {count: day.errors.length});
  byId('broken').querySelector('ul').replaceChildren(...day.errors.map(([image, error]) => make('li', shown(image + ': ' + error))));
}

// `clicks` says what buttons do, by their ids.
function startCommon(clicks) {
  const wanted = navigator.languages.map((tag) => tag.split('-')[0]).find((tag) => tag in catalogue) ?? 'en';
  byId('language').value = wanted;
  byId('language').addEventListener('change', (event) => translate(event.target.value));
  translate(wanted);
  const all = {accept, undo: hooks.undo, unknown: KEYS.u, 'no-defect': KEYS.n, previous: KEYS.ArrowUp, next: KEYS.ArrowDown, ...clicks};
  for (const [id, act] of Object.entries(all)) byId(id).addEventListener('click', act);
  byId('list').addEventListener('scroll', drawList);
  document.addEventListener('keydown', pressed);
}
