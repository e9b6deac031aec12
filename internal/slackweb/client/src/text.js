// Slack's markup as words, for what is read out or shown in one line.

const entities = { '&lt;': '<', '&gt;': '>', '&amp;': '&' }

/** Mrkdwn as a person would read it aloud: mentions by name, links by their label, no marks of emphasis. */
export function plain(mrkdwn, names) {
  return (mrkdwn ?? '')
    .replace(/<([^<>]+)>/g, (_, inside) => reference(inside, names))
    .replace(/(^|[\s(])[*_~`]+(\S(?:.*?\S)?)[*_~`]+(?=$|[\s).,:;!?])/gm, '$1$2')
    .replace(/&(lt|gt|amp);/g, (entity) => entities[entity])
}

function reference(inside, names) {
  const bar = inside.indexOf('|')
  const [target, label] = bar < 0 ? [inside, ''] : [inside.slice(0, bar), inside.slice(bar + 1)]
  switch (true) {
    case target.startsWith('@'):
      return '@' + (names.users[target.slice(1)]?.name ?? (label || target.slice(1)))
    case target.startsWith('#'):
      return '#' + (names.channels[target.slice(1)]?.name ?? (label || target.slice(1)))
    case target.startsWith('!subteam^'):
      return '@' + (names.groups[target.slice('!subteam^'.length)]?.handle ?? (label || 'group'))
    case target.startsWith('!date^'):
      return label
    case target.startsWith('!'):
      return '@' + target.slice(1)
  }
  return label || target.replace(/^mailto:/, '')
}
