// What the browser keeps for this page. Where it keeps nothing, the page works without.

const store = (kind) => ({
  get(key) {
    try {
      return JSON.parse(window[kind].getItem(key)) ?? undefined
    } catch {
      return undefined
    }
  },
  set(key, value) {
    try {
      window[kind].setItem(key, JSON.stringify(value))
    } catch {
      // It is forgotten with the page.
    }
  },
})

/** Kept for all tabs. */
export const local = store('localStorage')

/** Kept for this tab: two tabs can be two people. */
export const session = store('sessionStorage')
