// The served page: a photo on a canvas, whose regions are drawn and moved, and a model that is taught.
const csrf = document.querySelector('meta[name=csrf]').content;
const GROUPS = ['all', 'unknown', 'review', 'sure', 'no defect'];
const HANDLE = 11; // Pixels of the screen around a corner.
const COLOURS = {open: '#ff2d95', said: '#38d27a', draft: '#ffd23f'};
const stage = byId('stage'), canvas = byId('canvas');
const marked = new Set(); // Places of instances that are of one class that is missing.
const view = {scale: 1, x: 0, y: 0}; // A pixel of the photo at (x, y) is in the corner of the stage.
let group = 'all', photo = 0, picture = new Image(), tool = null, draft = null, drag = null, isOutlined = true;
let sending = 0, queue = Promise.resolve(), taught = null;

// What the server is asked for, one after the other.

async function ask(method, path, body) {
  const options = {method, headers: {}};
  if (method !== 'GET') {
    options.headers = {'content-type': 'application/json', 'x-csrf-token': csrf};
    options.body = JSON.stringify(body ?? {});
  }
  const answer = await fetch(path, options);
  if (answer.ok) return answer;
  const {detail} = await answer.json().catch(() => ({detail: answer.statusText}));
  throw new Error(detail);
}

function send(method, path, body, done) {
  sending++;
  drawSaved();
  const job = async () => {
    try {
      await done(await (await ask(method, path, body)).json());
    } catch (error) {
      tell('not_saved', () => ({reason: error.message}));
      await reload().catch(() => {});
    } finally {
      sending--;
      drawSaved();
    }
  };
  queue = queue.then(job);
  return queue;
}

function drawSaved() {
  byId('saved').textContent = say(sending ? 'saving' : 'all_saved');
}

const reload = async () => take(await (await ask('GET', '/day')).json());

// A day as the server has it now. What was sorted stays so while somebody works, unless it `resorts`.
function take(next, resorts = true) {
  const name = (one) => one.image + '/' + one.key;
  const places = new Map(next.instances.map((one, place) => [name(one), place]));
  if (!resorts) {
    const known = day.instances.filter((one) => places.has(name(one))).map((one) => next.instances[places.get(name(one))]);
    next.instances = [...new Set([...known, ...next.instances])];
    next.instances.forEach((one, place) => places.set(name(one), place));
  }
  const moved = (place) => places.get(name(day.instances[place]));
  const marks = [...marked].map(moved);
  marked.clear();
  for (const place of marks) if (place !== undefined) marked.add(place);
  for (const last of history) last.place = moved(last.place);
  history.splice(0, history.length, ...history.filter((last) => last.place !== undefined));
  const chosen = current < 0 ? undefined : moved(current);
  const isPhotoAlone = current < 0 && day.instances.length > 0;
  day = next;
  decisions.clear();
  day.instances.forEach((one, place) => { if (one.decision) decisions.set(place, one.decision); });
  const said = [...decisions.values()].map((decision) => decision.label).filter((label) => label !== null);
  classes = [...new Set([...day.classes, ...said])];
  current = chosen ?? -1;
  sort();
  if (current < 0 && !isPhotoAlone && order.length) current = order[0];
  drawAll();
}

function sort() {
  const places = day.instances.map((_, place) => place);
  order = places.filter((place) => group === 'all' || day.instances[place].verdict === group);
}

async function poll() {
  if (day.ready === day.images.length) return;
  try {
    const next = await (await ask('GET', '/day')).json();
    // What is being sent is not in it.
    if (!sending) take(next, history.length === 0);
  } catch (error) {
    tell('not_answered', () => ({reason: error.message}));
  }
  setTimeout(poll, 1000);
}

// Regions that change.

function update(place, region) {
  Object.assign(day.instances[place], region);
  put(place, region.decision);
}

hooks.allDone = 'all_said';
hooks.put = (place) => {
  const {verdict, label} = decisions.get(place);
  change(place, {geometry: null, verdict, label});
};

function change(place, body) {
  const instance = day.instances[place];
  send('PUT', `/photos/${instance.image}/regions/${instance.key}`, body, (answer) => answered(instance, answer));
}

// The place may be another one by now, the region is the same.
function answered(instance, answer) {
  const place = day.instances.findIndex((one) => one.image === instance.image && one.key === instance.key);
  if (place >= 0) update(place, answer.region);
  day.pending = answer.pending;
  drawAll();
}

hooks.undo = () => {
  const last = history.pop();
  if (!last) return;
  const instance = day.instances[last.place];
  put(last.place, last.before);
  send('POST', `/photos/${instance.image}/regions/${instance.key}/undo`, {}, async (answer) => {
    if (answer.region === null) return reload();
    answered(instance, answer);
  });
  tell('undone');
  show(last.place);
};

function move(parts) {
  const instance = day.instances[current], {verdict, label} = decisions.get(current) ?? {verdict: 'open', label: null};
  history.push({place: current, before: decisions.get(current)});
  instance.parts = parts;
  change(current, {geometry: {kind: instance.kind, parts}, verdict, label});
  tell('moved');
  draw();
}

function add(kind, parts) {
  const on = photo;
  send('POST', `/photos/${on}/regions`, {kind, parts}, (answer) => {
    day.instances.push(answer.region);
    const place = day.instances.length - 1, index = order.indexOf(current);
    order.splice(index + 1, 0, place);
    history.push({place, before: undefined});
    day.pending = answer.pending;
    tell('drawn', () => ({answer: answerText(day.instances[place])}));
    current = place;
    drawAll();
    byId('list').focus({preventScroll: true});
  });
  setTool(null);
}

function remove() {
  if (current >= 0) decide(null, 'removed');
}

hooks.isMarked = (place) => marked.has(place);
hooks.near = (instance) => instance.near;
hooks.clickRow = (place, event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) mark(place);
  show(place);
};

function mark(place = current) {
  if (place < 0) return;
  if (!marked.delete(place)) marked.add(place);
  draw();
}

function addClass(event) {
  event.preventDefault();
  const label = typedClass();
  if (!label || current < 0) return;
  const places = marked.size ? [...marked] : [current];
  const regions = places.map((place) => ({photo: day.instances[place].image, region: day.instances[place].key}));
  marked.clear();
  teach('POST', '/classes', {label, regions});
  byId('list').focus({preventScroll: true});
}

// The model.

function teach(method, path, body) {
  tell('learning');
  send(method, path, body, (answer) => {
    taught = answer;
    history.length = 0;
    take(answer.day);
    tell('learnt', () => ({added: answer.added, relabelled: answer.relabelled, removed: answer.removed, version: day.model.version}));
  });
}

const shareText = (share) => share ? say('share', share) : say('not_known');

function drawModel() {
  const {name, version, quality, suspects, versions, counts, today} = day.model;
  byId('what').textContent = shown(`${day.folder}, ${name}`) + ', ' + say('version', {number: version});
  const pending = day.pending[byId('accepted').checked ? 1 : 0];
  byId('learn').textContent = say(pending ? 'learn' : 'learn_nothing', {count: pending});
  byId('learn').disabled = pending === 0;
  const rows = taught ? [['before', taught.before], ['now', taught.after]] : [['now', quality]];
  byId('quality').querySelector('thead').replaceChildren(headings());
  byId('quality').querySelector('tbody').replaceChildren(...rows.map(([when, own]) => {
    const row = make('tr'), wrong = own.sure ? say('sure_wrong', {count: own.sure_wrong}) : '';
    row.append(
      make('th', say(when), {scope: 'row'}),
      make('td', shareText(own.accuracy), {'data-head': say('left_out')}),
      make('td', own.sure ? say('sure_share', own.sure) + wrong : say('not_known'), {'data-head': say('sure')}),
    );
    return row;
  }));
  const numbers = Object.entries(counts).map(([label, number]) => `${shown(label)} ${number}`).join(', ');
  byId('advice').textContent = say('enrolled', {counts: numbers}) + (quality.accuracy && quality.accuracy.low < 90 ? ' ' + say('advice', {label: quality.scarcest}) : '');
  byId('today').textContent = today ? say('today', today) : '';
  drawSuspects(suspects, version);
  drawVersions(versions);
}

function headings() {
  const row = make('tr');
  row.append(make('td'), make('th', say('left_out'), {scope: 'col'}), make('th', say('sure'), {scope: 'col'}));
  return row;
}

function drawSuspects(suspects, version) {
  byId('suspects').hidden = suspects.length === 0;
  byId('suspects').querySelector('summary').textContent = say('suspects', {count: suspects.length});
  byId('suspects').querySelector('div').replaceChildren(...suspects.map(({row, given, other, name, picture: address}) => {
    const card = make('div', '', {class: 'suspect'});
    const button = make('button', say('make_it', {label: other}), {type: 'button'});
    button.addEventListener('click', () => teach('PUT', '/enrolled', {version, row, label: other}));
    card.append(make('img', '', {src: address, alt: shown(name)}), make('b', say('suspect', {given, other})), make('div', shown(name)), button);
    return card;
  }));
}

function drawVersions(versions) {
  byId('versions').hidden = versions.length === 0;
  byId('versions').querySelector('summary').textContent = say('versions', {count: versions.length});
  byId('versions').querySelector('ul').replaceChildren(...versions.map(({number, date, change: what}) => {
    const item = make('li'), button = make('button', say('go_back'), {type: 'button', 'aria-label': say('go_back_to', {number})});
    button.addEventListener('click', () => teach('POST', `/versions/${number}`));
    item.append(say('version', {number}), date ? `, ${date.slice(0, 16).replace('T', ' ')} UTC, ${shown(what)} ` : ' ', button);
    return item;
  }));
}

async function download(name) {
  tell('exporting', () => ({name}));
  try {
    const link = make('a', '', {download: name});
    link.href = URL.createObjectURL(await (await ask('GET', '/export/' + name)).blob());
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    tell('exported', () => ({name}));
  } catch (error) {
    tell('not_exported', () => ({reason: error.message}));
  }
}

function drawGroups() {
  const number = (name) => day.instances.filter((one) => name === 'all' || one.verdict === name).length;
  byId('groups').replaceChildren(...GROUPS.map((name) => {
    const button = make('button', `${say('group_' + name.replace(' ', '_'))} ${number(name)}`, {type: 'button', 'aria-pressed': group === name});
    button.addEventListener('click', () => {
      group = name;
      sort();
      if (order.length) show(order.includes(current) ? current : order[0]);
      drawAll();
    });
    return button;
  }));
  const counts = day.images.map(() => 0);
  day.instances.forEach((one, place) => { if (decisions.get(place)?.verdict !== 'removed') counts[one.image]++; });
  byId('photos').replaceChildren(...day.images.map((image, index) =>
    make('option', `${shown(image.name)} (${image.shape ? counts[index] : '…'})`, {value: index})));
  byId('photos').value = photo;
  byId('new-class').textContent = marked.size ? say('new_class_of', {count: marked.size}) : say('new_class');
}

function drawAll() {
  drawModel();
  drawErrors();
  drawList();
  draw();
  drawGroups();
  if (day.ready < day.images.length) byId('progress').textContent += '; ' + say('looking', {ready: day.ready, all: day.images.length});
}

// The photo.

hooks.drawStage = () => {
  for (const id of ['decide', 'evidence', 'decided']) byId(id).hidden = false;
  byId('mark').setAttribute('aria-pressed', marked.has(current));
  byId('new-class').textContent = marked.size ? say('new_class_of', {count: marked.size}) : say('new_class');
  const {image, verdict, warnings, is_enrolled: isEnrolled} = day.instances[current];
  stage.setAttribute('aria-label', say('photo_named', {name: day.images[image].name}) + '. ' + say('stage_keys'));
  if (isEnrolled) byId('verdict').textContent = say('is_enrolled');
  else if (warnings.length && verdict === 'review') byId('verdict').textContent += ', ' + warnings.map((one) => say('warning_' + one.replace(' ', '_'))).join(', ');
  if (view.of !== day.instances[current] || photo !== image) {
    view.of = day.instances[current];
    openPhoto(image, focusRegion);
  }
  paint();
};

hooks.drawNone = () => {
  for (const id of ['decide', 'evidence', 'decided']) byId(id).hidden = true;
  const image = day.images[photo];
  byId('answered').textContent = shown(image?.name ?? '');
  byId('verdict').textContent = say('no_region');
  stage.setAttribute('aria-label', say('photo_named', {name: image?.name ?? ''}) + '. ' + say('stage_keys'));
  drawList();
  if (view.of !== photo) {
    view.of = photo;
    openPhoto(photo, fitPhoto);
  }
  paint();
};

hooks.needsInstance = (key) => [' ', 'u', 'n', 'x', 'Delete', 'Backspace'].includes(key);

function openPhoto(index, frame) {
  const address = `/photos/${index}/picture`;
  byId('photos').value = index;
  if (photo === index && picture.getAttribute('src') === address && picture.complete && picture.naturalWidth) {
    frame();
    return;
  }
  photo = index;
  if (!day.images[index].shape) return;
  picture = make('img');
  picture.addEventListener('load', () => { frame(); paint(); });
  picture.src = address;
}

const size = () => [stage.clientWidth, stage.clientHeight];

function frameOn([x1, y1, x2, y2]) {
  const [width, height] = size();
  view.scale = Math.min(width / (x2 - x1), height / (y2 - y1));
  view.x = (x1 + x2) / 2 - width / view.scale / 2;
  view.y = (y1 + y2) / 2 - height / view.scale / 2;
}

const fitPhoto = () => { frameOn([0, 0, picture.naturalWidth, picture.naturalHeight]); paint(); };

// The region with as much around it as it is wide, or a third of the photo where that is more.
function focusRegion() {
  const [x1, y1, x2, y2] = day.instances[current].bbox, whole = [picture.naturalWidth, picture.naturalHeight];
  const half = Math.min(Math.max(x2 - x1, y2 - y1, Math.max(...whole) / 4), Math.max(...whole) / 2);
  const centre = [(x1 + x2) / 2, (y1 + y2) / 2].map((value, axis) => 2 * half > whole[axis] ? whole[axis] / 2 : Math.min(Math.max(value, half), whole[axis] - half));
  const seen = half * 1.06; // What is at the border is seen too.
  frameOn([centre[0] - seen, centre[1] - seen, centre[0] + seen, centre[1] + seen]);
}

const toScreen = ([x, y]) => [(x - view.x) * view.scale, (y - view.y) * view.scale];
const toPhoto = ([x, y]) => [x / view.scale + view.x, y / view.scale + view.y];
const corners = ({kind, parts}) => kind === 'polygon' ? parts : [boxCorners(parts[0])];
const boxCorners = ([[x1, y1], [x2, y2]]) => [[x1, y1], [x2, y1], [x2, y2], [x1, y2]];

function paint() {
  const [width, height] = size(), ratio = window.devicePixelRatio || 1, pen = canvas.getContext('2d');
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  pen.scale(ratio, ratio);
  if (!picture.naturalWidth) return;
  pen.imageSmoothingEnabled = view.scale < 4;
  const [x, y] = toScreen([0, 0]);
  pen.drawImage(picture, x, y, picture.naturalWidth * view.scale, picture.naturalHeight * view.scale);
  if (isOutlined) {
    day.instances.forEach((one, place) => {
      const decision = decisions.get(place);
      if (one.image !== photo || place === current || decision?.verdict === 'removed') return;
      trace(pen, one, decision ? COLOURS.said : COLOURS.open, 1.5);
      nameOf(pen, one, decisionText(place), decision);
    });
    const one = day.instances[current];
    if (one?.image === photo && decisions.get(current)?.verdict !== 'removed') {
      const shape = drag?.parts ? {kind: one.kind, parts: drag.parts} : one;
      trace(pen, shape, decisions.has(current) ? COLOURS.said : COLOURS.open, 3);
      for (const part of corners(shape)) knobs(pen, part.map(toScreen));
    }
  }
  if (draft?.parts) trace(pen, draft, COLOURS.draft, 2);
}

function trace(pen, shape, colour, width) {
  for (const [ink, thick] of [['rgba(0,0,0,.55)', width + 2], [colour, width]]) {
    pen.strokeStyle = ink;
    pen.lineWidth = thick;
    for (const part of corners(shape)) {
      pen.beginPath();
      part.map(toScreen).forEach(([x, y], index) => index ? pen.lineTo(x, y) : pen.moveTo(x, y));
      if (!shape.isOpen) pen.closePath();
      pen.stroke();
    }
  }
}

// Names of regions that are decided on, above them.
function nameOf(pen, one, text, decision) {
  if (!decision) return;
  const [x, y] = toScreen([one.bbox[0], one.bbox[1]]);
  const label = decision.label === null ? text : shown(decision.label);
  pen.font = '13px system-ui, sans-serif';
  pen.fillStyle = 'rgba(0,0,0,.7)';
  pen.fillRect(x, y - 19, pen.measureText(label).width + 8, 18);
  pen.fillStyle = '#fff';
  pen.fillText(label, x + 4, y - 6);
}

// Corners that can be pulled; of those that are close together one is shown, as they would hide the defect.
function knobs(pen, points) {
  let last = null;
  pen.fillStyle = '#fff';
  pen.strokeStyle = '#000';
  pen.lineWidth = 1;
  for (const [x, y] of points) {
    if (last && Math.hypot(x - last[0], y - last[1]) < 2 * HANDLE) continue;
    last = [x, y];
    pen.beginPath();
    pen.rect(x - 3.5, y - 3.5, 7, 7);
    pen.fill();
    pen.stroke();
  }
}

// What a corner of a box, or of a polygon, is moved to.
function pulled({kind, parts}, [part, index], to) {
  if (kind === 'polygon') return parts.map((own, k) => k === part ? own.map((point, i) => i === index ? to : point) : own);
  const opposite = boxCorners(parts[0])[(index + 2) % 4];
  return [[opposite.map((value, axis) => Math.min(value, to[axis])), opposite.map((value, axis) => Math.max(value, to[axis]))]];
}

const inPhoto = ([x, y]) => [Math.min(Math.max(x, 0), picture.naturalWidth), Math.min(Math.max(y, 0), picture.naturalHeight)];

function shifted(parts, by) {
  const points = parts.flat(), whole = [picture.naturalWidth, picture.naturalHeight];
  const fits = [0, 1].map((axis) => {
    const values = points.map((point) => point[axis]);
    return Math.min(Math.max(by[axis], -Math.min(...values)), whole[axis] - Math.max(...values));
  });
  return parts.map((part) => part.map((point) => point.map((value, axis) => value + fits[axis])));
}

function isInside([x, y], shape) {
  return corners(shape).some((part) => {
    let inside = false;
    part.forEach(([x1, y1], index) => {
      const [x2, y2] = part[(index + 1) % part.length];
      if ((y1 > y) !== (y2 > y) && x < (x2 - x1) * (y - y1) / (y2 - y1) + x1) inside = !inside;
    });
    return inside;
  });
}

function handleAt(point, shape) {
  let found = null;
  corners(shape).forEach((part, k) => part.forEach((corner, index) => {
    const there = toScreen(corner);
    if (Math.hypot(there[0] - point[0], there[1] - point[1]) <= HANDLE) found = [k, index];
  }));
  return found;
}

// Pointers: drawing, moving what is chosen, choosing another region, moving the photo.

const at = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
const isEditable = () => current >= 0 && day.instances[current].image === photo && decisions.get(current)?.verdict !== 'removed';

function down(event) {
  const point = at(event), there = inPhoto(toPhoto(point));
  canvas.setPointerCapture(event.pointerId);
  stage.focus({preventScroll: true});
  if (tool === 'box') draft = {kind: 'box', from: there};
  else if (tool === 'polygon') extend(there, point);
  else if (isEditable() && handleAt(point, day.instances[current])) drag = {handle: handleAt(point, day.instances[current])};
  else if (isEditable() && isInside(there, day.instances[current])) drag = {from: there};
  else {
    const other = order.find((place) => day.instances[place].image === photo && place !== current && isInside(there, day.instances[place]));
    if (other !== undefined) {
      view.of = day.instances[other];
      show(other);
    } else drag = {pan: point};
  }
}

function dragTo(event) {
  const point = at(event), there = inPhoto(toPhoto(point));
  if (draft?.kind === 'box' && draft.from) draft.parts = [[0, 1].map((axis) => axis ? [Math.max(draft.from[0], there[0]), Math.max(draft.from[1], there[1])] : [Math.min(draft.from[0], there[0]), Math.min(draft.from[1], there[1])])];
  else if (draft?.points) draft.parts = [[...draft.points, there]];
  else if (drag?.pan) {
    view.x -= (point[0] - drag.pan[0]) / view.scale;
    view.y -= (point[1] - drag.pan[1]) / view.scale;
    drag.pan = point;
  } else if (drag?.handle) drag.parts = pulled(day.instances[current], drag.handle, there);
  else if (drag?.from) drag.parts = shifted(day.instances[current].parts, [there[0] - drag.from[0], there[1] - drag.from[1]]);
  else return;
  paint();
}

function up() {
  const moved = drag?.parts, drawn = draft?.kind === 'box' ? draft.parts : null;
  if (draft?.kind === 'box') draft = null;
  drag = null;
  if (moved) move(moved);
  if (drawn && drawn[0][1][0] - drawn[0][0][0] >= 2 && drawn[0][1][1] - drawn[0][0][1] >= 2) add('box', drawn);
  paint();
}

// A double click: a corner of a polygon is no more, or there is a new one on its line.
function doubled(event) {
  const one = day.instances[current], point = at(event);
  if (tool || !isEditable() || one.kind !== 'polygon') return;
  const corner = handleAt(point, one), edge = corner ? null : edgeAt(point, one);
  const [part, index] = corner ?? edge ?? [];
  if (part === undefined || (corner && one.parts[part].length <= 3)) return;
  const there = inPhoto(toPhoto(point));
  move(one.parts.map((own, k) => k === part ? own.toSpliced(corner ? index : index + 1, corner ? 1 : 0, ...(corner ? [] : [there])) : own));
}

function edgeAt(point, shape) {
  let found = null;
  corners(shape).forEach((part, k) => part.forEach((corner, index) => {
    const [from, to] = [corner, part[(index + 1) % part.length]].map(toScreen), along = [to[0] - from[0], to[1] - from[1]];
    const share = ((point[0] - from[0]) * along[0] + (point[1] - from[1]) * along[1]) / (along[0] ** 2 + along[1] ** 2);
    const far = Math.hypot(from[0] + share * along[0] - point[0], from[1] + share * along[1] - point[1]);
    if (share >= 0 && share <= 1 && far <= HANDLE) found = [k, index];
  }));
  return found;
}

// A corner more of a polygon that is drawn; the first one again closes it.
function extend(there, point) {
  draft ??= {kind: 'polygon', isOpen: true, points: []};
  const first = draft.points[0] && toScreen(draft.points[0]);
  if (draft.points.length >= 3 && Math.hypot(first[0] - point[0], first[1] - point[1]) <= HANDLE) return closePolygon();
  draft.points.push(there);
  draft.parts = [[...draft.points]];
  paint();
}

function closePolygon() {
  if (!draft?.points || draft.points.length < 3) return;
  const parts = [draft.points];
  draft = null;
  add('polygon', parts);
}

function setTool(name) {
  tool = tool === name ? null : name;
  draft = null;
  stage.classList.toggle('drawing', tool !== null);
  for (const kind of ['box', 'polygon']) byId('draw-' + kind).setAttribute('aria-pressed', tool === kind);
  byId('hint').textContent = tool ? say('hint_' + tool) : '';
  paint();
}

// By keys alone: a box in the middle of what is seen, which arrows move, and with Shift make larger or smaller.
hooks.stageKey = (event) => {
  const by = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
  if (!isEditable()) return () => {};
  const one = day.instances[current], far = event.ctrlKey ? 10 : 1, shift = by.map((value) => value * far);
  return () => {
    const parts = drag?.keys ? drag.parts : one.parts;
    if (!event.shiftKey) drag = {keys: true, parts: shifted(parts, shift)};
    else if (one.kind === 'box') {
      const [[x1, y1], [x2, y2]] = parts[0], to = inPhoto([x2 + shift[0], y2 + shift[1]]);
      drag = {keys: true, parts: [[[x1, y1], [Math.max(to[0], x1 + 1), Math.max(to[1], y1 + 1)]]]};
    }
    paint();
  };
};

function released() {
  if (!drag?.keys) return;
  const {parts} = drag;
  drag = null;
  move(parts);
}

function boxByKey() {
  if (tool === 'box' && document.activeElement === stage) {
    const [width, height] = size(), low = inPhoto(toPhoto([width * .375, height * .375])), high = inPhoto(toPhoto([width * .625, height * .625]));
    return add('box', [[low, high]]);
  }
  setTool('box');
  stage.focus({preventScroll: true});
}

function zoomBy(factor, [x, y] = size().map((side) => side / 2)) {
  const [left, top] = toPhoto([x, y]), whole = Math.min(size()[0] / picture.naturalWidth, size()[1] / picture.naturalHeight);
  view.scale = Math.min(Math.max(view.scale * factor, whole / 2), 40);
  view.x = left - x / view.scale;
  view.y = top - y / view.scale;
  paint();
}

function toggleOutline() {
  isOutlined = !isOutlined;
  byId('outlined').setAttribute('aria-pressed', isOutlined);
  paint();
}

function showPhoto(index) {
  const place = order.find((own) => day.instances[own].image === index);
  if (place !== undefined) return show(place);
  current = -1;
  openPhoto(index, fitPhoto);
  view.of = index;
  draw();
}

Object.assign(KEYS, {
  o: toggleOutline, x: () => mark(), b: boxByKey, p: () => { setTool('polygon'); stage.focus({preventScroll: true}); }, 0: fitPhoto,
  Delete: remove, Backspace: remove, Enter: closePolygon, Escape: () => setTool(null), '+': () => zoomBy(1.5), '=': () => zoomBy(1.5), '-': () => zoomBy(1 / 1.5),
});

function start() {
  current = order.length ? 0 : -1;
  day.instances.forEach((one, place) => { if (one.decision) decisions.set(place, one.decision); });
  startCommon({
    outlined: toggleOutline, 'zoom-in': KEYS['+'], 'zoom-out': KEYS['-'], whole: fitPhoto, remove, mark: KEYS.x,
    'draw-box': () => setTool('box'), 'draw-polygon': () => setTool('polygon'),
    learn: () => teach('POST', '/learn', {accepted: byId('accepted').checked}),
  });
  for (const button of document.querySelectorAll('[data-export]')) button.addEventListener('click', () => download(button.dataset.export));
  byId('new').addEventListener('submit', addClass);
  byId('language').addEventListener('change', () => { drawSaved(); drawAll(); });
  byId('accepted').addEventListener('change', drawModel);
  byId('photos').addEventListener('change', (event) => showPhoto(Number(event.target.value)));
  for (const [kind, act] of Object.entries({pointerdown: down, pointermove: dragTo, pointerup: up, pointercancel: up, dblclick: doubled})) canvas.addEventListener(kind, act);
  stage.addEventListener('wheel', (event) => { event.preventDefault(); zoomBy(event.deltaY < 0 ? 1.25 : .8, at(event)); }, {passive: false});
  document.addEventListener('keyup', released);
  window.addEventListener('resize', () => { paint(); drawList(); });
  window.addEventListener('beforeunload', (event) => { if (sending) event.preventDefault(); });
  drawSaved();
  drawAll();
  poll();
}

start();
