import { useId, useLayoutEffect, useRef, useState } from 'react'
import { brief, full, layout, slice } from './plot.js'
import { Grid, Scroller } from './Table.jsx'

/** A data_visualization block. The library's has four colours that say all, and labels that shrink with the page. */
export function Chart({ title, model }) {
  const id = useId()
  const Kind = model.type === 'pie' ? Pie : Axes
  return (
    <figure className="bk-chart">
      <figcaption>{title}</figcaption>
      <Kind model={model} label={`${title}: ${told(model)}`} patterns={id} />
      <details>
        <summary>Show values</summary>
        <Grid label={`Values of ${title}`} {...tableOf(model)} />
      </details>
    </figure>
  )
}

function told({ type, segments, series, categories }) {
  if (type === 'pie') return `pie chart, ${segments.map(({ label, value }) => `${label} ${full(value)}`).join(', ')}`
  const names = series.map(({ name }) => name).join(', ')
  return `${type} chart of ${names}, ${categories.length} ${categories.length === 1 ? 'point' : 'points'} from ${categories[0]} to ${categories.at(-1)}. The values are in the table below.`
}

function tableOf({ type, segments, series, categories, xLabel, yLabel }) {
  const text = (shown) => ({ shown })
  const value = (n) => ({ shown: full(n), numeric: true })
  if (type === 'pie') return { head: ['Part', 'Value', 'Share'].map(text), rows: withShares(segments).map((s) => [text(s.label), value(s.value), { shown: s.percent, numeric: true }]) }
  return {
    head: [text(xLabel), ...series.map(({ name }) => text(series.length === 1 && yLabel ? `${name}, ${yLabel}` : name))],
    rows: categories.map((category, i) => [text(category), ...series.map(({ values }) => value(values[i]))]),
  }
}

const patternId = (patterns, i) => `${patterns}-${(i % 6) + 1}`
const fill = (patterns, i) => `url(#${patternId(patterns, i)})`
const seriesClass = (i) => `bk-series-${(i % 6) + 1}`

// What tells the series apart besides their colours.
const hatches = [null, 'M-1 1l2-2M0 6l6-6M5 7l2-2', 'M1.5 1.5h.01M4.5 4.5h.01', 'M0 3h6', 'M-1 5l2 2M0 0l6 6M5-1l2 2', 'M3 0v6']

/** The fillings of the series, each of its colour and its pattern. */
const Patterns = ({ patterns, count }) => (
  <defs>
    {hatches.slice(0, count).map((hatch, i) => (
      <pattern key={i} id={patternId(patterns, i)} width="6" height="6" patternUnits="userSpaceOnUse">
        <rect width="6" height="6" className={seriesClass(i)} />
        {hatch && <path d={hatch} className={i === 2 ? 'bk-dots' : 'bk-hatch'} />}
      </pattern>
    ))}
  </defs>
)

const shapes = ['M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0', 'M-3.2-3.2h6.4v6.4h-6.4z', 'M0-4.6 4.6 0 0 4.6-4.6 0z', 'M0-4.4 4.4 3.4h-8.8z', 'M0 4.4-4.4-3.4h8.8z', 'M-1.3-4h2.6v2.7H4v2.6H1.3V4h-2.6V1.3H-4v-2.6h2.7z']
const dashes = [null, '7 4', '2 4', '10 4 2 4', '4 2', '12 6']

const Marker = ({ i, x, y }) => <path d={shapes[i % 6]} transform={`translate(${x} ${y})`} className={`bk-marker ${seriesClass(i)}`} />

function Swatch({ i, type, patterns }) {
  return (
    <svg className="bk-swatch" width={type === 'line' || type === 'area' ? 28 : 14} height="14" aria-hidden="true">
      {type === 'line' || type === 'area' ? (
        <>
          <path d="M1 7h26" className={`bk-line ${seriesClass(i)}`} strokeDasharray={dashes[i % 6]} />
          <Marker i={i} x={14} y={7} />
        </>
      ) : (
        <rect x=".5" y=".5" width="13" height="13" rx="3" fill={fill(patterns, i)} className={`bk-edge ${seriesClass(i)}`} />
      )}
    </svg>
  )
}

/** The width an element has on the page, in pixels. */
function useWidth() {
  const element = useRef(null)
  const [width, setWidth] = useState(560)
  useLayoutEffect(() => {
    const look = () => setWidth(Math.floor(element.current.clientWidth) || 560)
    look()
    const observer = new ResizeObserver(look)
    observer.observe(element.current)
    return () => observer.disconnect()
  }, [])
  return [element, width]
}

/** A bar, line or area chart. */
function Axes({ model, label, patterns }) {
  const [element, width] = useWidth()
  const [pointed, setPointed] = useState(-1)
  const plot = layout(model, width)
  const { type, series, categories, xLabel, yLabel } = model
  return (
    <div ref={element}>
      <ul className="bk-legend">
        {series.map(({ name }, i) => (
          <li key={i}>
            <Swatch i={i} type={type} patterns={patterns} />
            {name}
          </li>
        ))}
      </ul>
      <Scroller label={label} className="bk-plot">
        <div className="bk-plot-inside" onPointerLeave={() => setPointed(-1)}>
          <svg width={plot.width} height={plot.height} role="img" aria-label={label}>
            <Patterns patterns={patterns} count={series.length} />
            {yLabel && <text x="0" y="11" className="bk-axis" children={yLabel} />}
            {plot.ticks.map((tick) => (
              <g key={tick.y}>
                <path d={`M${plot.left} ${tick.y}H${plot.right}`} className={tick.zero ? 'bk-zero' : 'bk-rule'} />
                <text x={plot.left - 8} y={tick.y + 4} textAnchor="end" children={tick.label} />
              </g>
            ))}
            {pointed >= 0 && <rect x={plot.x(pointed) - plot.step / 2} y={plot.top} width={plot.step} height={plot.bottom - plot.top} className="bk-pointed" />}
            <Marks model={model} plot={plot} patterns={patterns} />
            {plot.labels.map(({ lines, x }) => (
              <text key={x} y={plot.bottom + 17} textAnchor="middle">
                {lines.map((line, i) => (
                  <tspan key={i} x={x} dy={i * 14} children={line} />
                ))}
              </text>
            ))}
            {xLabel && <text x={(plot.left + plot.right) / 2} y={plot.height - 5} textAnchor="middle" className="bk-axis" children={xLabel} />}
            {categories.map((_, i) => (
              <rect key={i} x={plot.x(i) - plot.step / 2} y={plot.top} width={plot.step} height={plot.bottom - plot.top} fillOpacity="0" onPointerEnter={() => setPointed(i)} />
            ))}
          </svg>
          {pointed >= 0 && <Tip model={model} at={pointed} plot={plot} patterns={patterns} />}
        </div>
      </Scroller>
    </div>
  )
}

function Marks({ model: { type, series }, plot, patterns }) {
  if (type === 'bar') {
    return plot.bars.map((bar) => (
      <g key={`${bar.series} ${bar.category}`}>
        <rect {...{ x: bar.x, y: bar.y, width: bar.width, height: bar.height }} rx={Math.min(3, bar.width / 3)} fill={fill(patterns, bar.series)} className={`bk-edge ${seriesClass(bar.series)}`} />
        {plot.valued && (
          <text x={bar.x + bar.width / 2} y={bar.y - 5} textAnchor="middle" className="bk-value" children={brief(bar.value)} />
        )}
      </g>
    ))
  }
  return series.map(({ values }, s) => {
    const line = 'M' + values.map((value, i) => `${plot.x(i).toFixed(1)} ${plot.y(value).toFixed(1)}`).join('L')
    return (
      <g key={s}>
        {type === 'area' && <path d={`${line}L${plot.x(values.length - 1)} ${plot.y(0)}L${plot.x(0)} ${plot.y(0)}Z`} className={`bk-area ${seriesClass(s)}`} />}
        <path d={line} className={`bk-line ${seriesClass(s)}`} strokeDasharray={dashes[s % 6]} />
        {values.map((value, i) => (
          <Marker key={i} i={s} x={plot.x(i)} y={plot.y(value)} />
        ))}
      </g>
    )
  })
}

/** The values at the category that the pointer is on. Where bars have no height they are not named, unless none has. */
function Tip({ model: { type, categories, series, yLabel }, at, plot, patterns }) {
  const some = series.some(({ values }) => values[at])
  const left = plot.x(at) < plot.width / 2
  const style = left ? { left: plot.x(at) + plot.step / 2 + 6, top: plot.top } : { right: plot.width - plot.x(at) + plot.step / 2 + 6, top: plot.top }
  return (
    <div className="bk-tip" style={style} aria-hidden="true">
      <b>{categories[at]}</b>
      {yLabel && <span className="bk-muted">{yLabel}</span>}
      {series.map(({ name, values }, i) =>
        type === 'bar' && some && !values[at] ? null : (
          <span key={i}>
            <Swatch i={i} type={type} patterns={patterns} /> {name} <b>{full(values[at])}</b>
          </span>
        ),
      )}
    </div>
  )
}

function withShares(segments) {
  const total = segments.reduce((sum, { value }) => sum + value, 0) || 1
  let at = 0
  return segments.map((segment) => {
    const from = at
    at += segment.value / total
    return { ...segment, from, to: at, percent: (segment.value / total).toLocaleString('en-US', { style: 'percent', maximumFractionDigits: 1 }) }
  })
}

/** A pie, its parts named beside it with what they are worth. */
function Pie({ model, label, patterns }) {
  const segments = withShares(model.segments)
  return (
    <div className="bk-pie">
      <svg width="168" height="168" viewBox="-84 -84 168 168" role="img" aria-label={label}>
        <Patterns patterns={patterns} count={segments.length} />
        {segments.map(({ value, from, to }, i) => value > 0 && <path key={i} d={slice(from, to, 80)} fill={fill(patterns, i)} className="bk-slice" />)}
      </svg>
      <ul className="bk-legend">
        {segments.map(({ label: name, value, percent }, i) => (
          <li key={i}>
            <Swatch i={i} type="pie" patterns={patterns} />
            <span>{name}</span> <b>{full(value)}</b> <span className="bk-muted">{percent}</span>
          </li>
        ))}
      </ul>
    </div>
  )
}
