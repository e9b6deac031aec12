// What a data_visualization block says, and where its marks stand.

const kinds = ['bar', 'line', 'area']

/** A chart's values, checked: throws where it is none. */
export function modelOf(chart) {
  if (chart.type === 'pie') return { type: 'pie', segments: chart.segments.map(({ label, value }) => ({ label: String(label), value: share(value) })) }
  if (!kinds.includes(chart.type)) throw new TypeError(`no chart ${chart.type}`)
  const { categories, x_label: xLabel = '', y_label: yLabel = '' } = chart.axis_config
  const series = chart.series.map(({ name, data }) => {
    const values = new Map(data.map(({ label, value }) => [label, number(value)]))
    return { name: String(name), values: categories.map((category) => values.get(category) ?? 0) }
  })
  if (!categories.length || !series.length) throw new TypeError('a chart of nothing')
  return { type: chart.type, categories: categories.map(String), series, xLabel: String(xLabel), yLabel: String(yLabel) }
}

// What is larger can't be drawn to scale in whole pixels; what is smaller is nothing.
const largest = 1e15
const smallest = 1e-9

function number(value) {
  if (!Number.isFinite(value) || Math.abs(value) > largest) throw new TypeError(`no number: ${value}`)
  return Math.abs(value) < smallest ? 0 : value
}

function share(value) {
  if (number(value) < 0) throw new TypeError('less than nothing')
  return value
}

/** A number in full. */
export const full = (n) => n.toLocaleString('en-US', { maximumFractionDigits: 9 })

/** A number for an axis: the large ones shortened. */
export const brief = (n) => n.toLocaleString('en-US', Math.abs(n) >= 10_000 ? { notation: 'compact', maximumFractionDigits: 2 } : { maximumFractionDigits: 9 })

/** Round values from low to high, about five of them; zero is one. */
export function ticksOf(low, high) {
  const from = Math.min(0, low)
  const span = Math.max(0, high) - from || 1
  const power = 10 ** Math.floor(Math.log10(span / 4))
  const step = power * ([1, 2, 2.5, 5, 10].find((n) => n * power >= span / 4) ?? 10)
  const ticks = []
  for (let i = Math.floor(from / step + 1e-9); ; i++) {
    ticks.push(Number((i * step).toPrecision(12)))
    if (i * step >= from + span - step * 1e-9) return ticks
  }
}

const charWidth = 6.2 // of the labels' font, about
const plotHeight = 180

/** A label in one line or two, broken at the space nearest its middle. */
export function linesOf(label) {
  const spaces = [...label.matchAll(/ /g)].map(({ index }) => index)
  if (!spaces.length || label.length < 9) return [label]
  const middle = spaces.reduce((best, at) => (Math.abs(at - label.length / 2) < Math.abs(best - label.length / 2) ? at : best))
  return [label.slice(0, middle), label.slice(middle + 1)]
}

/**
 * Where everything in a chart of axes stands, for a page that leaves it width pixels. A bar of no height takes no room: where each
 * category has a bar of one series alone, that one gets all of it.
 */
export function layout({ type, categories, series, xLabel, yLabel }, width) {
  const all = series.flatMap(({ values }) => values)
  const ticks = ticksOf(Math.min(...all), Math.max(...all))
  const slots = categories.map((_, i) => series.flatMap(({ values }, s) => (values[i] ? [s] : [])))
  const most = Math.max(1, ...slots.map(({ length }) => length))
  const left = Math.max(...ticks.map((tick) => brief(tick).length)) * charWidth + 12
  const labels = categories.map(linesOf)
  const labelWidth = Math.max(...labels.flat().map(({ length }) => length)) * charWidth
  const least = type === 'bar' ? most * 5 + 5 : 12
  const band = Math.max(least, (width - left - 12) / categories.length)
  const right = Math.max(8, labelWidth / 2 - band / 2 + 2)
  const plot = Math.max(least * categories.length, width - left - right)
  const step = plot / categories.length
  const top = yLabel ? 28 : 12
  const bottom = top + plotHeight
  const labelLines = Math.max(...labels.map(({ length }) => length))
  const y = (value) => bottom - ((value - ticks[0]) / (ticks.at(-1) - ticks[0])) * plotHeight
  const x = (i) => left + (i + 0.5) * step
  const every = Math.ceil((labelWidth + 10) / step)
  const bar = Math.min(36, (step * 0.76) / most)
  return {
    width: left + plot + right,
    height: bottom + 8 + labelLines * 14 + (xLabel ? 22 : 6),
    left,
    right: left + plot,
    top,
    bottom,
    step,
    ticks: ticks.map((tick) => ({ label: brief(tick), y: y(tick), zero: tick === 0 })),
    // The last label is always there: what is newest stands at the end.
    labels: labels.flatMap((lines, i) => ((categories.length - 1 - i) % every ? [] : [{ lines, x: x(i) }])),
    x,
    y,
    bars: type === 'bar' ? slots.flatMap((of, i) => of.map((s, n) => barAt(s, i, x(i) + (n - of.length / 2) * bar, bar, series[s].values[i], y))) : [],
    valued: type === 'bar' && bar >= 22 && categories.length * most <= 12,
  }
}

function barAt(series, category, x, width, value, y) {
  const gap = width > 8 ? 2 : 1
  const top = Math.min(y(value), y(0))
  // A value that is no more than a hair still shows.
  const height = Math.max(2, Math.abs(y(value) - y(0)))
  return { series, category, value, x: x + gap / 2, width: width - gap, y: value < 0 ? top : y(0) - height, height }
}

/** The outline of a slice of a pie from one share of the whole to another. */
export function slice(from, to, radius) {
  const at = (share) => `${(radius * Math.sin(share * 2 * Math.PI)).toFixed(2)} ${(-radius * Math.cos(share * 2 * Math.PI)).toFixed(2)}`
  if (to - from >= 0.9999) return `M0 ${-radius}A${radius} ${radius} 0 1 1 0 ${radius}A${radius} ${radius} 0 1 1 0 ${-radius}Z`
  return `M0 0L${at(from)}A${radius} ${radius} 0 ${to - from > 0.5 ? 1 : 0} 1 ${at(to)}Z`
}
