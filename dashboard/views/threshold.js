// Histogram of scores with a threshold that moves in the browser; Python hears where it was left.
const SVG = "http://www.w3.org/2000/svg"
const WIDTH = 1000, ROW = 76, GAP = 22, BARS = 100

const svg = (name, attributes) => {
  const node = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value)
  return node
}
const el = (name, className, text) => {
  const node = document.createElement(name)
  node.className = className
  if (text !== undefined) node.textContent = text
  return node
}
const whole = value => value.toLocaleString("en-US")

// above[i]: how many lie at step i or higher
function fromTheTop(counts) {
  const above = new Array(counts.length + 1).fill(0)
  for (let i = counts.length - 1; i >= 0; i--) above[i] = above[i + 1] + counts[i]
  return above
}

export function render({model}) {
  const root = el("div", "threshold")
  root.dataset.testid = "threshold"
  const steps = model.steps
  let above = {}, kinds = [], line = null, range = null, outputs = {}

  // Rounded down: what lies exactly at the run's threshold is counted.
  const step = () => Math.floor(model.threshold * steps + 1e-9)

  const build = () => {
    kinds = Object.keys(model.kinds)
    above = {}
    for (const kind of kinds) {
      above[kind] = {}
      for (const [name, counts] of Object.entries(model.kinds[kind])) {
        above[kind][name] = fromTheTop(counts)
      }
    }
    const control = el("div", "control")
    const label = el("label", "", "Alert threshold")
    range = el("input", "")
    Object.assign(range, {type: "range", min: 0, max: steps, step: 1})
    range.value = step()
    range.setAttribute("aria-label", "Alert threshold")
    range.addEventListener("input", () => move(Number(range.value)))
    range.addEventListener("change", () => { model.threshold = Number(range.value) / steps })
    label.append(range)
    outputs = {}
    const readout = el("div", "readout")
    const figure = (name, caption) => {
      const box = el("div", "figure")
      outputs[name] = el("b", "", "")
      outputs[name].dataset.testid = `threshold-${name}`
      box.append(outputs[name], el("small", "", caption))
      readout.append(box)
    }
    figure("value", "score at or above")
    figure("events", "events")
    figure("keys", "keys")
    figure("precision", "precision")
    figure("recall", "recall")
    control.append(label, readout)
    root.replaceChildren(control, chart())
    move(Number(range.value))
  }

  const chart = () => {
    const height = kinds.length * (ROW + GAP) + 18
    const picture = svg("svg", {viewBox: `0 0 ${WIDTH} ${height}`, preserveAspectRatio: "none",
      role: "img", "aria-label": "Histogram of scores by kind, logarithmic counts"})
    picture.style.height = `${height}px`
    const box = el("div", "chart")
    box.append(picture)
    kinds.forEach((kind, row) => {
      const counts = model.kinds[kind].events
      const width = Math.ceil(steps / BARS)
      const bars = Array.from({length: BARS}, (_, i) => {
        const end = i === BARS - 1 ? counts.length : (i + 1) * width
        return counts.slice(i * width, end).reduce((a, b) => a + b, 0)
      })
      const most = Math.log10(1 + Math.max(1, ...bars))
      const base = row * (ROW + GAP) + GAP + ROW
      picture.append(svg("line", {x1: 0, x2: WIDTH, y1: base, y2: base, class: "base"}))
      bars.forEach((n, i) => {
        if (!n) return
        const tall = Math.max(1.5, ROW * Math.log10(1 + n) / most)
        const bar = svg("rect", {x: i * WIDTH / BARS + .8, width: WIDTH / BARS - 1.6, y: base - tall,
          height: tall, class: `bar ${level(i / BARS)}`})
        const title = svg("title", {})
        title.textContent = `${kind}: ${whole(n)} events, score ${(i / BARS).toFixed(2)}–${((i + 1) / BARS).toFixed(2)}`
        bar.append(title)
        picture.append(bar)
      })
      const caption = el("div", "caption")
      caption.style.top = `${row * (ROW + GAP)}px`
      caption.append(el("b", "", kind), el("span", "",
        ` ${whole(above[kind].events[0])} events, ${whole(above[kind].keys[0])} keys`))
      box.append(caption)
      const peak = el("div", "peak", `${whole(Math.max(...bars))} (log)`)
      peak.style.top = `${row * (ROW + GAP)}px`
      box.append(peak)
    })
    line = el("div", "line")
    line.style.height = `${height - 14}px`
    const axis = el("div", "axis")
    for (const tick of [0, .25, .5, .7, .85, .95]) {
      const mark = el("span", "", tick.toFixed(2))
      mark.style.left = `${tick * 100}%`
      axis.append(mark)
    }
    box.append(line, axis)
    return box
  }

  const level = score => score >= .95 ? "critical" : score >= .85 ? "high" : score >= .7 ? "medium"
    : score >= .5 ? "low" : "normal"

  const move = at => {
    const sum = name => kinds.reduce((total, kind) => total + above[kind][name][at], 0)
    const all = name => kinds.reduce((total, kind) => total + above[kind][name][0], 0)
    line.style.left = `${at * 100 / steps}%`
    outputs.value.textContent = (at / steps).toFixed(3)
    outputs.events.textContent = whole(sum("events"))
    outputs.keys.textContent = whole(sum("keys"))
    const bad = sum("malicious"), every = all("malicious"), labelled = sum("labelled")
    const share = (part, of) => all("labelled") === 0 ? "not measured"
      : of === 0 ? "–" : `${(100 * part / of).toFixed(1)} %`
    outputs.precision.textContent = share(bad, labelled)
    outputs.recall.textContent = share(bad, every)
    for (const name of ["precision", "recall"]) {
      outputs[name].classList.toggle("unknown", all("labelled") === 0)
    }
  }

  model.on("kinds", build)
  model.on("threshold", () => {
    range.value = step()
    move(Number(range.value))
  })
  build()
  return root
}
