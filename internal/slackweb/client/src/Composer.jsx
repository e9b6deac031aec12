import { useEffect, useId, useLayoutEffect, useRef, useState } from 'react'
import { Icon } from './Icon.jsx'
import { complete } from './commands.js'

const drafts = new Map() // what was begun in a box and not sent, by the box's id
const sent = [] // what was sent from boxes with recall, oldest first

/**
 * The message box, a combobox over slash commands. Send(text) returns a promise; what it rejects with is shown, and the text stays. fill is a text that somebody
 * else puts into the box: {text}.
 */
export function Composer({ id, label, commands, send, recall, focus, fill }) {
  const box = useRef(null)
  const listID = useId()
  const [text, setText] = useState(drafts.get(id) ?? '')
  const [active, setActive] = useState(-1)
  const [closed, setClosed] = useState(false)
  const [error, setError] = useState('')
  const [back, setBack] = useState(0)
  const offer = closed ? null : complete(text, commands)
  const options = offer?.options ?? []
  const chosen = active >= 0 && active < options.length ? active : offer?.preselect && active === -1 ? 0 : -1

  const write = (next) => {
    put(box.current, next)
    change(next)
  }
  const change = (next) => {
    drafts.set(id, next)
    setText(next)
    setActive(-1)
    setClosed(false)
    setError('')
  }

  useLayoutEffect(() => {
    put(box.current, drafts.get(id) ?? '')
    if (focus) box.current.focus()
  }, [id, focus])
  useEffect(() => {
    if (!fill) return
    put(box.current, fill.text)
    drafts.set(id, fill.text)
    setText(fill.text)
    setClosed(false)
    box.current.focus()
  }, [fill, id])

  const submit = async () => {
    const line = text.trim()
    if (!line) return
    if (recall && sent.at(-1) !== line) sent.push(line)
    setBack(0)
    write('')
    try {
      await send(line)
    } catch (err) {
      if (read(box.current) === '') write(line)
      setError(err.message)
    }
  }

  const recallBy = (by) => {
    const next = Math.min(Math.max(back + by, 0), sent.length)
    if (next === back) return
    write(next === 0 ? '' : sent[sent.length - next])
    setBack(next)
    setClosed(true)
  }

  const onKeyDown = (e) => {
    if (e.nativeEvent.isComposing) return
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key]
    if (step && options.length > 0) {
      e.preventDefault()
      return setActive(chosen < 0 ? (step > 0 ? 0 : options.length - 1) : (chosen + step + options.length) % options.length)
    }
    if (recall && ((e.key === 'ArrowUp' && (text === '' || back > 0)) || (e.key === 'ArrowDown' && back > 0))) {
      e.preventDefault()
      return recallBy(-step)
    }
    if (e.key === 'Tab' && !e.shiftKey && options.length > 0) {
      e.preventDefault()
      return write(options[Math.max(chosen, 0)].text)
    }
    if (e.key === 'Enter' && !e.shiftKey) {
      e.preventDefault()
      return chosen >= 0 ? write(options[chosen].text) : submit()
    }
    if (e.key === 'Escape' && options.length > 0) {
      e.preventDefault()
      setClosed(true)
    }
  }

  return (
    <div className="composer" data-region>
      {options.length > 0 && <Options {...{ listID, offer, chosen }} pick={(option) => (write(option.text), box.current.focus())} />}
      <div className="box">
        <div
          ref={box}
          className={`input ${text ? '' : 'blank'}`}
          contentEditable="plaintext-only"
          suppressContentEditableWarning
          role="combobox"
          tabIndex={0}
          data-first
          data-placeholder={label}
          aria-label={label}
          aria-autocomplete="list"
          aria-haspopup="listbox"
          aria-expanded={options.length > 0}
          aria-controls={options.length > 0 ? listID : undefined}
          aria-activedescendant={chosen >= 0 ? `${listID}-${chosen}` : undefined}
          onInput={() => {
            setBack(0)
            change(read(box.current))
          }}
          onBlur={() => setActive(-1)}
          onKeyDown={onKeyDown}
        />
        <button className="send" aria-label="Send" disabled={!text.trim()} onClick={submit}>
          <Icon name="send" size={18} />
        </button>
      </div>
      <p className={error ? 'note error' : 'note'} role={error ? 'alert' : undefined}>
        {error || (commands.length > 0 ? <Keys /> : <><kbd>Enter</kbd> sends</>)}
      </p>
    </div>
  )
}

function Keys() {
  return (
    <>
      <kbd>/</kbd> for commands · <kbd>Tab</kbd> completes · <kbd>Enter</kbd> sends · <kbd>↑</kbd> brings back the last one
    </>
  )
}

function Options({ listID, offer, chosen, pick }) {
  const list = useRef(null)
  useEffect(() => {
    list.current.children[chosen]?.scrollIntoView({ block: 'nearest' })
  }, [chosen])
  return (
    <div className="options">
      <p className="options-title" aria-hidden="true">
        {offer.title}
      </p>
      <ul ref={list} id={listID} role="listbox" aria-label={offer.title}>
        {offer.options.map((option, i) => (
          <li
            key={option.label}
            id={`${listID}-${i}`}
            role="option"
            aria-selected={i === chosen}
            onMouseDown={(e) => {
              e.preventDefault()
              pick(option)
            }}
          >
            <span className="option-label">{option.label}</span>
            {option.hint && <span className="option-hint">{option.hint}</span>}
            {option.detail && <span className="option-detail">{option.detail}</span>}
          </li>
        ))}
      </ul>
    </div>
  )
}

/** What stands in the box. A line break at its very end is the browser's own. */
function read(element) {
  return element.textContent.replace(/\u00a0/g, ' ').replace(/\n$/, '')
}

/** Puts a text into the box, the caret behind it. */
function put(element, text) {
  if (read(element) === text) return
  element.textContent = text
  if (document.activeElement === element) getSelection().selectAllChildren(element), getSelection().collapseToEnd()
}
