// A page of rows. Text reaches the page through textContent only; Python is told what was picked.
const CELL = {
  severity(value) {
    const chip = document.createElement("span")
    const known = ["CRITICAL", "HIGH", "MEDIUM", "LOW"].includes(value)
    chip.className = `chip ${known ? value.toLowerCase() : "normal"}`
    chip.textContent = value
    return chip
  },
  state(value) {
    const chip = document.createElement("span")
    chip.className = `chip ${value === "SUCCESS" ? "good" : "critical"}`
    chip.textContent = value
    return chip
  },
  score(value) {
    const box = document.createElement("span")
    box.className = "gauge"
    const bar = document.createElement("i")
    bar.style.width = `${Math.max(0, Math.min(1, Number(value))) * 100}%`
    const text = document.createElement("b")
    text.textContent = value
    box.append(text, bar)
    return box
  },
}

function cell(column, value) {
  const td = document.createElement("td")
  td.className = column.look
  td.dataset.title = column.title
  if (value === null || value === "") {
    td.textContent = "–"
    td.classList.add("unknown")
  } else if (CELL[column.look]) {
    td.append(CELL[column.look](String(value)))
  } else {
    td.textContent = value
  }
  if (column.clip && value !== null) td.title = value
  return td
}

export function render({model}) {
  const root = document.createElement("div")
  root.className = "table-box"
  root.dataset.testid = model.testid

  const heading = column => {
    const th = document.createElement("th")
    th.scope = "col"
    th.className = column.look
    if (!column.sortable) {
      th.textContent = column.title
      return th
    }
    const button = document.createElement("button")
    button.type = "button"
    button.textContent = column.title
    const name = model.sort.replace(/^-/, "")
    if (name === column.name) {
      th.setAttribute("aria-sort", model.sort.startsWith("-") ? "descending" : "ascending")
    }
    button.addEventListener("click", () => model.send_msg({sort: column.name}))
    th.append(button)
    return th
  }

  const line = (values, i) => {
    const tr = document.createElement("tr")
    model.columns.forEach((column, j) => tr.append(cell(column, values[j])))
    const key = model.keys[i]
    if (key === undefined) return tr
    tr.tabIndex = 0
    tr.classList.add("pickable")
    if (key === model.marked) tr.setAttribute("aria-current", "true")
    const pick = () => model.send_msg({pick: key})
    tr.addEventListener("click", () => { if (!String(getSelection())) pick() })
    tr.addEventListener("keydown", e => { if (e.key === "Enter") pick() })
    return tr
  }

  const pager = () => {
    const foot = document.createElement("div")
    foot.className = "pager"
    const shown = document.createElement("span")
    const n = v => v.toLocaleString("en-US")
    const from = model.offset, to = from + model.rows.length
    shown.textContent = model.rows.length
      ? `${n(from + 1)}–${n(to)} of ${n(model.total)}` : model.nothing
    foot.append(shown)
    if (model.total > model.step && model.rows.length) {
      const move = (label, title, offset, off) => {
        const button = document.createElement("button")
        button.type = "button"
        button.textContent = label
        button.setAttribute("aria-label", title)
        button.disabled = off
        button.addEventListener("click", () => model.send_msg({offset}))
        foot.append(button)
      }
      const last = Math.floor((model.total - 1) / model.step) * model.step
      move("«", "First page", 0, from === 0)
      move("‹", "Previous page", Math.max(0, from - model.step), from === 0)
      move("›", "Next page", from + model.step, to >= model.total)
      move("»", "Last page", last, to >= model.total)
    }
    return foot
  }

  const draw = () => {
    const table = document.createElement("table")
    table.setAttribute("aria-label", model.label)
    const head = document.createElement("thead")
    const titles = document.createElement("tr")
    model.columns.forEach(column => titles.append(heading(column)))
    head.append(titles)
    const body = document.createElement("tbody")
    model.rows.forEach((values, i) => body.append(line(values, i)))
    table.append(head, body)
    const scroll = document.createElement("div")
    scroll.className = "scroll"
    scroll.append(table)
    const parts = [scroll]
    if (model.counted || model.total > model.step || !model.rows.length) parts.push(pager())
    root.replaceChildren(...parts)
    root.dataset.drawn = String(model.drawn)
  }

  model.on("drawn", draw)
  draw()
  return root
}
