import { Component, useLayoutEffect, useRef, useState } from 'react'
import './blocks.css'
import { Chart } from './Chart.jsx'
import { checkQuestion } from './Confirm.jsx'
import { Control, isControl } from './Controls.jsx'
import { isInline, safeURL } from './links.js'
import { readMrkdwn } from './mrkdwn.js'
import { ByLibrary, drawText, labelOf, Link, rich, Workspace } from './Rich.jsx'
import { tidy, words } from './richtext.js'
import { drawTable } from './Table.jsx'
import { modelOf } from './plot.js'

/**
 * Draws the blocks of a message or a view. What is done with them goes to onPress({action_id, block_id, value}), a promise that is
 * rejected with a sentence for the person. A block that can't be drawn is replaced by fallback, the message's own text.
 */
export function Blocks({ blocks, fallback = '', context, onPress }) {
  const [broken, setBroken] = useState([])
  const drawn = (Array.isArray(blocks) ? blocks : []).map((block, i) => (broken.includes(block) ? null : attempt(block, context, onPress)))
  const first = drawn.indexOf(null)
  return (
    <Workspace value={context}>
      <div className="bk" ref={useFocusKept()}>
        {drawn.map((element, i) =>
          element ? (
            <Guard key={keyOf(blocks[i], i)} onBroken={() => setBroken((all) => [...all, blocks[i]])}>
              {element}
            </Guard>
          ) : (
            i === first && <Mrkdwn key={i} text={fallback} context={context} />
          ),
        )}
      </div>
    </Workspace>
  )
}

/** Leaves the focus where it was when a change takes away what had it, a button mostly: with the message, or with the view. */
function useFocusKept() {
  const element = useRef(null)
  const had = element.current?.contains(document.activeElement)
  useLayoutEffect(() => {
    if (had && !element.current.contains(document.activeElement)) element.current.closest('[tabindex]')?.focus({ preventScroll: true })
  })
  return element
}

/** Draws a mrkdwn text. */
export function Mrkdwn({ text, context }) {
  return (
    <Workspace value={context}>
      <div className="bk">{text ? rich(readMrkdwn(text), context.now) : null}</div>
    </Workspace>
  )
}

/** A mrkdwn text as it would be read aloud. */
export const plain = (text, ctx) => words(tidy(readMrkdwn(text), ctx.now), ctx)

const keyOf = (block, i) => `${block?.type} ${block?.block_id ?? i}`

/** A block as an element; null for one that is unknown or not as its type must be. */
function attempt(block, { now }, onPress) {
  try {
    return Object.hasOwn(drawings, block.type) ? drawings[block.type](block, now, onPress) : null
  } catch {
    return null
  }
}

const drawings = {
  divider: () => <hr className="bk-divider" />,
  // The library's header, section and context read their texts as Markdown: see ByLibrary.
  header: (block, now) => {
    const Level = `h${[1, 2, 3, 4].includes(block.level) ? block.level + 2 : 3}`
    return <Level className="bk-header">{drawText(block.text, now)}</Level>
  },
  section: drawSection,
  context: (block, now) => (
    <div className="bk-context">
      {block.elements.map((element, i) => (
        <div key={i} className="bk-context-item">
          {element.type === 'image' ? drawImage(element, 'small') : drawText(element, now)}
        </div>
      ))}
    </div>
  ),
  actions: (block, now, onPress) => <div className="bk-actions">{block.elements.map((element, i) => drawControl(element, block, now, onPress, i))}</div>,
  rich_text: (block, now) => rich(block.elements, now),
  image: (block) => (
    <figure className="bk-image">
      {block.title && <figcaption>{labelOf(block.title)}</figcaption>}
      {drawImage(block, 'large')}
    </figure>
  ),
  markdown: (block) => <ByLibrary block={{ type: 'markdown', text: withoutImages(block.text) }} />,
  table: drawTable,
  data_visualization: (block) => <Chart title={String(block.title)} model={modelOf(block.chart)} />,
}

function drawSection(block, now, onPress) {
  const { text, fields, accessory } = block
  if (!text && !fields) throw new TypeError('a section without text')
  return (
    <div className="bk-section">
      <div className="bk-section-text">
        {text && drawText(text, now)}
        {fields && (
          <div className="bk-fields">
            {fields.map((field, i) => (
              <div key={i}>{drawText(field, now)}</div>
            ))}
          </div>
        )}
      </div>
      {accessory && (
        <div className="bk-accessory">{accessory.type === 'image' ? drawImage(accessory, 'medium') : drawControl(accessory, block, now, onPress, 0)}</div>
      )}
    </div>
  )
}

function drawControl(element, block, now, onPress, i) {
  if (!isControl(element)) throw new TypeError(`no control ${element?.type}`)
  if (element.type === 'button') labelOf(element.text)
  if (element.confirm) checkQuestion(element.confirm, now)
  return <Control key={`${element.action_id ?? i}`} element={element} block={block} onPress={onPress} />
}

/** An image that came in the message; one from outside is named, and may be opened. */
function drawImage({ image_url: url, alt_text: alt }, size) {
  const words = String(alt ?? '')
  if (isInline(url)) return <img className={`bk-img bk-${size}`} src={url} alt={words} />
  const address = safeURL(url)
  return <span className="bk-outside">{address ? <Link href={address}>{words || address}</Link> : words}</span>
}

/** Markdown whose images are links: a word joiner between ! and [ is seen by nobody. */
const withoutImages = (text) => String(text).replaceAll('![', '!\u2060[')

/** Keeps a block that fails while it is drawn from taking the page along. */
class Guard extends Component {
  state = { failed: false }
  static getDerivedStateFromError = () => ({ failed: true })
  componentDidCatch() {
    this.props.onBroken()
  }
  render() {
    return this.state.failed ? null : this.props.children
  }
}
