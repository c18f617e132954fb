let isSaved = true, file = null;

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
  isSaved = false;
  tell('undone');
  show(last.place);
};

function addClass(event) {
  event.preventDefault();
  const name = typedClass();
  if (!name) return;
  if (!classes.includes(name)) classes.push(name);
  relabel(name);
}

// Files.

function corrections() {
  const places = [...decisions.keys()].sort((a, b) => a - b);
  return JSON.stringify({
    format: 'mmvrec-corrections', version: 1, model: day.model,
    corrections: places.map((place) => {
      const {image, id, bbox} = day.instances[place], {label, verdict} = decisions.get(place);
      return {image: day.images[image].name, instance_id: id, bbox, label, verdict};
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

hooks.save = save;

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
  byId('new').addEventListener('submit', addClass);
  window.addEventListener('resize', () => { drawStage(); drawList(); });
  window.addEventListener('beforeunload', (event) => { if (!isSaved) event.preventDefault(); });
}

start();
