// Completion of slash commands, from what the workspace says of them.

/** The words that a usage hint offers: "status | history [N] | mute SERVER" → each alternative. */
export function wordsOf(usageHint) {
  return (usageHint ?? '').split('|').map((words) => words.trim()).filter(Boolean)
}

/** What of an alternative can be typed as it stands: what comes before its first placeholder. */
export function literal(words) {
  const all = words.split(/\s+/)
  const placeholder = all.findIndex((word) => !/^[a-z0-9][a-z0-9_-]*$/.test(word))
  return all.slice(0, placeholder < 0 ? all.length : placeholder).join(' ')
}

/**
 * What can stand where the caret is, or null: {title, options: [{label, detail, text}], preselect}. Text is what the box then has. The first option is
 * chosen beforehand only while a word is half typed, so that Enter sends whatever is complete.
 */
export function complete(typed, commands) {
  if (!typed.startsWith('/') || typed.includes('\n')) return null
  const space = typed.indexOf(' ')
  return space < 0 ? completeCommand(typed, commands) : completeWord(typed.slice(0, space), typed.slice(space + 1).trimStart(), commands)
}

function completeCommand(typed, commands) {
  const options = commands
    .filter(({ command }) => command.startsWith(typed))
    .map(({ command, description, usage_hint: hint }) => ({ label: command, hint, detail: description, text: command + ' ' }))
  return offer('Commands', options, typed)
}

function completeWord(name, begun, commands) {
  const command = commands.find((c) => c.command === name)
  if (!command) return null
  const options = wordsOf(command.usage_hint)
    .filter((words) => literal(words) && literal(words).startsWith(begun))
    .map((words) => ({ label: `${name} ${literal(words)}`, hint: words.slice(literal(words).length).trim(), detail: '', text: `${name} ${literal(words)} ` }))
  return offer(command.description, options, `${name} ${begun}`)
}

function offer(title, options, typed) {
  const done = options.some(({ label }) => label === typed)
  if (options.length === 0 || (done && options.length === 1 && typed.includes(' '))) return null
  return { title, options, preselect: !done && typed.length > 1 && !typed.endsWith(' ') }
}

/** The slash command that a line begins with, or "". */
export function commandOf(line) {
  return /^\/\S+/.exec(line)?.[0] ?? ''
}
