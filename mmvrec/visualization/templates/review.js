'use strict';
const day = JSON.parse(document.getElementById('day').textContent);
const catalogue = JSON.parse(document.getElementById('texts').textContent);
const ROW = 64; // Height of a row of the list in pixels, as in the style sheet.
const ZOOMS = [1, 1.5, 2, 3, 4, 6, 8];
const SVG = 'http://www.w3.org/2000/svg';
const byId = (id) => document.getElementById(id);

const classes = [...day.classes];
const decisions = new Map(); // Of instances by their places: {label, verdict}.
const history = []; // What was decided before, for undo: {place, before}.
let current = 0, zoom = 0, isSaved = true, file = null, language = 'en', said = () => '';

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

function makeRow(place) {
  const instance = day.instances[place];
  const row = make('div', '', {class: 'row', role: 'option', id: 'row-' + place, 'aria-selected': place === current,
    'aria-posinset': place + 1, 'aria-setsize': day.instances.length});
  row.style.top = place * ROW + 'px';
  const text = make('div'), decision = decisions.get(place);
  text.append(make('span', answerText(instance)));
  if (decision) text.append(make('span', decisionText(place), {class: decision.verdict === 'accepted' ? 'decision' : 'decision changed'}));
  else text.append(make('span', shown(day.images[instance.image].name.split(/[\\/]/).pop())));
  row.append(make('img', '', {src: instance.crop, alt: ''}), text);
  row.addEventListener('click', () => show(place));
  return row;
}

function drawList() {
  const list = byId('list');
  const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 3);
  const last = Math.min(day.instances.length, first + Math.ceil(list.clientHeight / ROW) + 6);
  const places = new Set([current]);
  for (let place = first; place < last; place++) places.add(place);
  byId('rows').replaceChildren(...[...places].sort((a, b) => a - b).map(makeRow));
  list.setAttribute('aria-activedescendant', 'row-' + current);
}

function scrollToCurrent() {
  const list = byId('list'), top = current * ROW;
  if (top < list.scrollTop) list.scrollTop = top;
  if (top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW - list.clientHeight;
}

// The instance.

function drawStage() {
  const {size: [width, height]} = day.instances[current], stage = byId('stage'), sheet = byId('sheet');
  const scale = Math.min((stage.clientWidth - 1) / width, (stage.clientHeight - 1) / height) * ZOOMS[zoom];
  sheet.style.width = Math.floor(width * scale) + 'px';
  sheet.style.height = Math.floor(height * scale) + 'px';
  stage.scrollLeft = (sheet.clientWidth - stage.clientWidth) / 2;
  stage.scrollTop = (sheet.clientHeight - stage.clientHeight) / 2;
}

function drawCrop() {
  const instance = day.instances[current], outline = byId('outline');
  byId('crop').src = instance.crop;
  byId('crop').alt = say('crop', {place: current + 1, all: day.instances.length, answer: answerText(instance)});
  byId('stage').setAttribute('aria-label', byId('crop').alt);
  outline.setAttribute('viewBox', '0 0 ' + instance.size.join(' '));
  outline.replaceChildren(...['shadow', 'line'].flatMap((kind) => instance.outline.map((points) => {
    const polygon = document.createElementNS(SVG, 'polygon');
    polygon.setAttribute('points', points);
    polygon.setAttribute('class', kind);
    return polygon;
  })));
  drawStage();
}

function drawPhoto() {
  const instance = day.instances[current], image = day.images[instance.image];
  const [height, width] = image.shape, scale = Math.min(240 / width, 180 / height);
  const [x1, y1, x2, y2] = instance.bbox, svg = byId('photo').querySelector('svg');
  const set = (element, values) => { for (const [key, value] of Object.entries(values)) element.setAttribute(key, value); };
  set(svg, {viewBox: `0 0 ${width} ${height}`, width: width * scale, height: height * scale});
  set(svg.querySelector('image'), {href: image.picture, width, height});
  set(svg.querySelector('rect'), {x: x1, y: y1, width: x2 - x1, height: y2 - y1});
  byId('photo').querySelector('figcaption').textContent = shown(image.name);
}

function drawNear() {
  const instance = day.instances[current];
  const views = [[instance.view, say('this_one'), ''], ...instance.near.map(([place, similarity]) => {
    const {label, picture} = day.near[place];
    return [picture, shown(label), say('similarity', {value: similarity.toFixed(2)})];
  })];
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

function draw() {
  byId('bar').value = decisions.size / day.instances.length;
  byId('bar').setAttribute('aria-label', say('progress', {done: decisions.size, all: day.instances.length}));
  byId('progress').textContent = byId('bar').getAttribute('aria-label');
  byId('answered').textContent = say('answer') + ': ' + answerText(day.instances[current]);
  const {verdict} = day.instances[current];
  byId('verdict').textContent = ['sure', 'review'].includes(verdict) ? say(verdict) : '';
  byId('decision').textContent = decisionText(current);
  byId('undo').disabled = history.length === 0;
  for (const part of [drawCrop, drawPhoto, drawNear, drawClasses, drawList]) part();
}

function show(place) {
  current = Math.min(Math.max(place, 0), day.instances.length - 1);
  zoom = 0;
  scrollToCurrent();
  draw();
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
  isSaved = false;
}

function decide(label, verdict) {
  const place = current;
  history.push({place, before: decisions.get(place)});
  put(place, {label, verdict});
  const all = day.instances.length;
  let next = current;
  for (let step = 1; step < all && decisions.has(next); step++) next = (current + step) % all;
  if (decisions.size === all) tell('all_done');
  else tell('decided', () => ({answer: answerText(day.instances[place]), decision: decisionText(place)}));
  show(decisions.has(next) ? current : next);
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

function undo() {
  const last = history.pop();
  if (!last) return;
  put(last.place, last.before);
  tell('undone');
  show(last.place);
}

function addClass(event) {
  event.preventDefault();
  const typed = byId('name').value.trim();
  byId('name').value = '';
  if (!typed) return;
  // Names that differ in case only are refused where classes are enrolled.
  const name = classes.find((known) => known.toLowerCase() === typed.toLowerCase()) ?? typed;
  if (!classes.includes(name)) classes.push(name);
  relabel(name);
}

// Files.

function corrections() {
  const places = [...decisions.keys()].sort((a, b) => a - b);
  return JSON.stringify({
    format: 'mmvrec-corrections', version: 1, model: day.model,
    corrections: places.map((place) => {
      const {image, id, bbox, mask} = day.instances[place], {label, verdict} = decisions.get(place);
      return {image: day.images[image].name, instance_id: id, bbox, ...mask && {mask}, label, verdict};
    }),
  }, null, 1);
}

function download(text) {
  const link = make('a', '', {download: 'corrections.json'});
  link.href = URL.createObjectURL(new Blob([text], {type: 'application/json'}));
  link.click();
  // Some browsers begin to read it after this.
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

async function save() {
  const text = corrections(), count = decisions.size;
  try {
    if (window.showSaveFilePicker) {
      file ??= await window.showSaveFilePicker({suggestedName: 'corrections.json', types: [{accept: {'application/json': ['.json']}}]});
      const writer = await file.createWritable();
      await writer.write(text);
      await writer.close();
    } else download(text);
  } catch (error) {
    file = null;
    tell('not_saved', () => ({reason: error.message}));
    return;
  }
  // What was decided while the file was written is not in it.
  isSaved = text === corrections();
  tell('saved', () => ({count}));
}

// Controls.

function zoomBy(step) {
  zoom = Math.min(Math.max(zoom + step, 0), ZOOMS.length - 1);
  drawStage();
}

function toggleOutline() {
  const isOn = byId('outlined').getAttribute('aria-pressed') !== 'true';
  byId('outlined').setAttribute('aria-pressed', isOn);
  byId('outline').toggleAttribute('hidden', !isOn);
}

const KEYS = {
  ' ': accept, u: () => decide(null, 'unknown'), n: () => decide(null, 'no defect'), z: undo, o: toggleOutline,
  '+': () => zoomBy(1), '=': () => zoomBy(1), '-': () => zoomBy(-1),
  ArrowDown: () => show(current + 1), ArrowUp: () => show(current - 1),
  ArrowRight: () => show(current + 1), ArrowLeft: () => show(current - 1),
};

function pressed(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const isCommand = event.ctrlKey || event.metaKey;
  let act = null;
  if (isCommand && key === 's') act = save;
  else if (event.target.matches('input:not([type]), select') || event.altKey) return;
  else if (isCommand) act = key === 'z' ? undo : null;
  else if (event.target.matches('#stage') && key.startsWith('Arrow')) return;
  else if (key === ' ' && event.target.matches('button, summary, input')) return;
  else if (byId('shortcuts').checked || key.startsWith('Arrow')) {
    act = /^[1-9]$/.test(key) && classes[key - 1] !== undefined ? () => relabel(classes[key - 1]) : KEYS[key];
  }
  if (!act) return;
  event.preventDefault();
  act();
}

function translate(to) {
  language = to;
  document.documentElement.lang = to;
  for (const element of document.querySelectorAll('[data-text]')) element.textContent = say(element.dataset.text);
  for (const element of document.querySelectorAll('[data-label]')) element.setAttribute('aria-label', say(element.dataset.label));
  byId('broken').querySelector('summary').textContent = say('broken', {count: day.errors.length});
  byId('status').textContent = said();
  if (day.instances.length) draw();
}

function start() {
  const wanted = navigator.languages.map((tag) => tag.split('-')[0]).find((tag) => tag in catalogue) ?? 'en';
  byId('language').value = wanted;
  byId('broken').hidden = day.errors.length === 0;
  byId('broken').querySelector('ul').append(...day.errors.map(([image, error]) => make('li', shown(image + ': ' + error))));
  byId('rows').style.height = day.instances.length * ROW + 'px';
  byId('language').addEventListener('change', (event) => translate(event.target.value));
  translate(wanted);
  if (!day.instances.length) {
    document.querySelector('main').hidden = true;
    return tell('none');
  }
  const clicks = {save, accept, undo, unknown: KEYS.u, 'no-defect': KEYS.n, outlined: toggleOutline,
    previous: KEYS.ArrowUp, next: KEYS.ArrowDown, 'zoom-in': KEYS['+'], 'zoom-out': KEYS['-']};
  for (const [id, act] of Object.entries(clicks)) byId(id).addEventListener('click', act);
  byId('new').addEventListener('submit', addClass);
  byId('list').addEventListener('scroll', drawList);
  document.addEventListener('keydown', pressed);
  window.addEventListener('resize', () => { drawStage(); drawList(); });
  window.addEventListener('beforeunload', (event) => { if (!isSaved) event.preventDefault(); });
}

start();
