let isSaved = true, file = null;
const elsewhere = new Map(); // Entries of a loaded file on instances that are not on this page.

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

hooks.drawStage = () => { drawCrop(); drawPhoto(); };
hooks.near = (instance) => instance.near.map(([place, similarity]) => [day.near[place].label, similarity, day.near[place].picture]);

// Decisions.

hooks.allDone = 'all_done';
hooks.put = () => { isSaved = false; };

hooks.undo = () => {
  const last = history.pop();
  if (!last) return;
  put(last.place, last.before);
  for (const place of last.loaded ?? []) put(place);
  isSaved = false;
  tell('undone');
  show(last.place);
};

function addClass(event) {
  event.preventDefault();
  const name = typedClass();
  if (name) relabel(known(name));
}

function known(name) {
  if (!classes.includes(name)) classes.push(name);
  return name;
}

// Files.

function corrections() {
  const places = [...decisions.keys()].sort((a, b) => a - b);
  return JSON.stringify({
    format: 'mmvrec-corrections', version: 1, model: day.model,
    corrections: [...places.map((place) => {
      const {image, id, bbox, mask} = day.instances[place], {label, verdict} = decisions.get(place);
      return {image: day.images[image].name, instance_id: id, bbox, ...mask && {mask}, label, verdict};
    }), ...elsewhere.values()],
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

hooks.save = save;

// Checks of mmvrec.apis.corrections, which names what is wrong.
function isEntry(entry) {
  if (typeof entry?.image !== 'string' || typeof entry.instance_id !== 'string') return false;
  const isLabelled = ['accepted', 'relabelled'].includes(entry.verdict);
  const isName = typeof entry.label === 'string' && entry.label.trim() !== '';
  return (isLabelled ? isName : ['unknown', 'no defect'].includes(entry.verdict) && entry.label === null)
    && Array.isArray(entry.bbox) && entry.bbox.length === 4 && entry.bbox.every(Number.isFinite)
    && (entry.mask == null || typeof entry.mask.counts === 'string' && Array.isArray(entry.mask.size));
}

// What an entry says of the answer on this page, which another model may have given.
function decisionOf({label, verdict}, instance) {
  if (label === null) return {label, verdict};
  const name = known(classNamed(label.trim()));
  return {label: name, verdict: instance.answer === 'class' && instance.label === name ? 'accepted' : 'relabelled'};
}

function take(entries) {
  const keyOf = (image, id) => JSON.stringify([image, id]);
  const places = new Map(day.instances.map(({image, id}, place) => [keyOf(day.images[image].name, id), place]));
  const loaded = [];
  for (const entry of entries) {
    const key = keyOf(entry.image, entry.instance_id), place = places.get(key);
    if (place === undefined) {
      const {image, instance_id, bbox, mask, label, verdict} = entry;
      elsewhere.set(key, {image, instance_id, bbox, ...mask && {mask}, label, verdict});
    } else if (!decisions.has(place)) { // What was decided on this page is newer.
      loaded.push(place);
      put(place, decisionOf(entry, day.instances[place]));
    }
  }
  if (loaded.length) history.push({place: loaded[0], before: undefined, loaded});
  const count = loaded.length, others = elsewhere.size;
  tell(others ? 'loaded_others' : 'loaded', () => ({count, others}));
  const open = day.instances.findIndex((_, place) => !decisions.has(place));
  show(open < 0 ? current : open);
}

async function load(event) {
  const [chosen] = event.target.files;
  try {
    if (chosen.size > 2 ** 26) throw new Error();
    const content = JSON.parse(await chosen.text());
    if (content.format !== 'mmvrec-corrections' || content.version !== 1 || !content.corrections.every(isEntry)) throw new Error();
    take(content.corrections);
  } catch {
    tell('not_loaded', () => ({file: chosen.name}));
  }
  event.target.value = ''; // Else the same file could not be chosen again.
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

Object.assign(KEYS, {o: toggleOutline, '+': () => zoomBy(1), '=': () => zoomBy(1), '-': () => zoomBy(-1)});

function start() {
  startCommon({save, outlined: toggleOutline, 'zoom-in': KEYS['+'], 'zoom-out': KEYS['-']});
  if (!day.instances.length) {
    document.querySelector('main').hidden = true;
    return tell('none');
  }
  byId('load').addEventListener('click', () => byId('file').click());
  byId('file').addEventListener('change', load);
  byId('new').addEventListener('submit', addClass);
  window.addEventListener('resize', () => { drawStage(); drawList(); });
  window.addEventListener('beforeunload', (event) => { if (!isSaved) event.preventDefault(); });
}

start();
