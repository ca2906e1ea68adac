// The pages as links, and the address bar: Python says where we are, the back button tells Python.
export function render({model}) {
  const nav = document.createElement("nav")
  nav.setAttribute("aria-label", "Pages")

  const draw = () => {
    nav.replaceChildren(...model.pages.map(page => {
      const link = document.createElement("a")
      link.textContent = page.title
      link.href = page.search || "?"
      if (page.name === model.page) link.setAttribute("aria-current", "page")
      link.addEventListener("click", e => {
        if (e.ctrlKey || e.metaKey || e.shiftKey) return
        e.preventDefault()
        model.send_msg({page: page.name})
      })
      return link
    }))
  }
  const address = () => {
    if (location.search !== model.search) {
      history.pushState({}, "", model.search || location.pathname)
    }
  }
  addEventListener("popstate", () => model.send_msg({search: location.search}))
  // A link inside a view (`href="?…"`) leads to another state of this tab, without a reload.
  document.addEventListener("click", e => {
    if (e.ctrlKey || e.metaKey || e.shiftKey || e.defaultPrevented) return
    const link = e.composedPath().find(n => n.tagName === "A" && n.getAttribute("href")?.startsWith("?"))
    if (!link || nav.contains(link)) return
    e.preventDefault()
    model.send_msg({search: link.getAttribute("href")})
  })
  model.on("pages", draw)
  model.on("page", draw)
  model.on("search", address)
  draw()
  return nav
}
