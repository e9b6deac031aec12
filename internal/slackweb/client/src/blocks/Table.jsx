import { useLayoutEffect, useRef, useState } from 'react'
import { drawText, rich } from './Rich.jsx'

/** A table block; its first row is its head. The library's has no head, and reads the text of cells as Markdown. */
export function drawTable(block, now) {
  const [head, ...rows] = block.rows.map((row) => row.map((cell) => ({ ...content(cell, now), numeric: cell?.type === 'raw_number' })))
  if (!head) throw new TypeError('a table without rows')
  const settings = block.column_settings ?? []
  return <Grid label="Table" head={head} rows={rows} settings={settings} />
}

function content(cell, now) {
  switch (cell?.type) {
    case 'rich_text':
      return { shown: rich(cell.elements, now) }
    case 'raw_number':
      return { shown: cell.text || String(cell.value) }
    case 'raw_text':
      return { shown: cell.text ? drawText({ type: 'plain_text', text: cell.text }, now) : '' }
  }
  throw new TypeError(`a table has no cell ${cell?.type}`)
}

/** A table that scrolls sideways in itself where it is too wide. */
export function Grid({ label, head, rows, settings = [] }) {
  const classOf = (cell, column) => {
    const { align = cell.numeric ? 'right' : 'left', is_wrapped: wrapped } = settings[column] ?? {}
    return [`bk-${['left', 'center', 'right'].includes(align) ? align : 'left'}`, wrapped && 'bk-wrapped', cell.numeric && 'bk-number'].filter(Boolean).join(' ')
  }
  return (
    <Scroller label={label} className="bk-table">
      <table>
        <thead>
          <tr>
            {head.map((cell, i) =>
              // A head without words heads nothing.
              cell.shown === '' ? <td key={i} /> : <th key={i} scope="col" className={classOf(rows[0]?.[i] ?? cell, i)} children={cell.shown} />,
            )}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, i) => (
            <tr key={i}>
              {row.map((cell, j) => (
                <td key={j} className={classOf(cell, j)}>
                  {cell.shown}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroller>
  )
}

/** What may be too wide for where it stands; then the keyboard can scroll it. */
export function Scroller({ label, className, children }) {
  const element = useRef(null)
  const [wide, setWide] = useState(false)
  useLayoutEffect(() => {
    const look = () => setWide(element.current.scrollWidth > element.current.clientWidth + 1)
    const observer = new ResizeObserver(look)
    observer.observe(element.current)
    observer.observe(element.current.firstElementChild)
    return () => observer.disconnect()
  }, [])
  return (
    <div ref={element} className={`bk-scroller ${className}`} {...(wide && { tabIndex: 0, role: 'group', 'aria-label': label })}>
      {children}
    </div>
  )
}
