import { renderToStaticMarkup } from 'react-dom/server'
import { describe, expect, it, test } from 'vitest'
import { clockOf, daysFirst, formatDate } from './dates.js'
import { alive, hostile, hrefs } from './hostile.js'
import { Blocks, Mrkdwn, plain } from './index.jsx'

const now = new Date(2026, 5, 22, 9, 30)
const unix = (...parts) => new Date(...parts).getTime() / 1000

const context = {
  users: { U0ANA: { name: 'ana', title: 'On call' }, U0BEN: { name: 'ben <b>' } },
  groups: { S0ONCALL: { handle: 'oncall' }, S0OTHER: { handle: 'others' } },
  channels: { C0JOBS: { name: 'jobs' } },
  me: 'U0ANA',
  myGroups: ['S0ONCALL'],
  now,
  onChannel: () => {},
  onPermalink: () => {},
}

const draw = (blocks, fallback = 'the text') => renderToStaticMarkup(<Blocks blocks={blocks} fallback={fallback} context={context} onPress={async () => {}} />)
const drawText = (text) => renderToStaticMarkup(<Mrkdwn text={text} context={context} />)
const section = (text) => ({ type: 'section', text: { type: 'mrkdwn', text } })

const escapes = { lt: '<', gt: '>', amp: '&', quot: '"', '#x27': "'", '#39': "'" }
const shown = (markup) =>
  markup
    .replace(/<[^>]*>/g, '')
    .replace(/&([a-z]+|#x?\d+);/g, (_, name) => escapes[name])
    .trim()
const cells = (markup) => [...markup.matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>|<td[^>]*\/>/g)].map(([, inside]) => shown(inside ?? ''))

describe('text', () => {
  test.each([
    ['bold', '*b*', 'font-semibold', 'b'],
    ['italic', '_i_', 'italic', 'i'],
    ['strike', '~s~', 'line-through', 's'],
    ['code', '`c &lt;x&gt; *d*`', 'slack_inline_code', 'c <x> *d*'],
    ['both', '*_x_*', 'italic font-semibold', 'x'],
    ['before a comma', '*b*, c', 'font-semibold', 'b, c'],
  ])('%s', (_, text, style, words) => {
    const markup = drawText(text)
    expect(markup).toContain(style)
    expect(shown(markup)).toBe(words)
  })

  test.each(['snake_case_name', '2 * 3 * 4', 'a*b*c', '**', '* open', '~', 'a:b:c', '12:34:56', '_open', '<>', '<!>x', '`', '````'])('%s stays as it is', (text) => {
    const markup = drawText(text)
    expect(shown(markup)).toBe(text.replace('<!>', ''))
    expect(markup).not.toMatch(/font-semibold|italic|line-through|slack_inline_code/)
  })

  it('keeps lines, quotes and preformatted parts apart', () => {
    const markup = drawText('one\ntwo\n&gt; said\n> twice\nthree\n```\nfoo  &amp;\n  *bar*\n```\nfour')
    expect(markup).toContain('one</span><span class="slack_blocks_to_jsx__rich_text_section_element_text">\n</span>')
    expect(markup.match(/<blockquote/g)).toHaveLength(1)
    expect(shown(markup.match(/<blockquote.*<\/blockquote>/s)[0])).toBe('said\ntwice')
    expect(shown(markup.match(/<pre.*<\/pre>/s)[0])).toBe('foo  &\n  *bar*')
    expect(shown(markup)).toMatch(/three.*four/s)
  })

  it('quotes all that follows >>>', () => {
    expect(shown(drawText('a\n>>> b\nc').match(/<blockquote.*<\/blockquote>/s)[0])).toBe('b\nc')
  })

  it('counts each ordered list from where it says', () => {
    const item = (text) => ({ type: 'rich_text_section', elements: [{ type: 'text', text }] })
    const list = (style, indent, ...items) => ({ type: 'rich_text_list', style, indent, elements: items.map(item) })
    const numbered = (...elements) => shown(draw([{ type: 'rich_text', elements }])).match(/\d+\./g)
    expect(numbered(list('bullet', 0, 'x', 'y'), list('bullet', 1, 'z'), list('ordered', 0, 'p', 'q'))).toEqual(['1.', '2.'])
    expect(numbered(list('ordered', 0, 'p'), list('bullet', 1, 'z'), list('ordered', 0, 'q'))).toEqual(['1.', '2.'])
  })

  it('draws emoji that there are', () => {
    expect(shown(drawText(':tada: :nosuchthing:'))).toBe('🎉 :nosuchthing:')
    expect(shown(drawText(':constructor: :__proto__:'))).toBe(':constructor: :__proto__:')
    expect(shown(draw([{ type: 'header', text: { type: 'plain_text', text: ':tada: *x*' } }]))).toBe('🎉 *x*')
  })

  it('draws a progress bar in cells, and says how far it is', () => {
    const markup = drawText('▰▰▰▱  30 %')
    expect(markup).toContain('role="img" aria-label="3 of 4"')
    expect(markup.match(/bk-done/g)).toHaveLength(3)
    expect(markup.match(/bk-ahead/g)).toHaveLength(1)
  })
})

describe('mentions', () => {
  test.each([
    ['<@U0ANA>', '@ana', true],
    ['<@U0BEN>', '@ben <b>', false],
    ['<@U0WHO|carl>', '@carl', false],
    ['<@U0WHO>', '@U0WHO', false],
    ['<!subteam^S0ONCALL>', '@oncall', true],
    ['<!subteam^S0OTHER|@x>', '@others', false],
    ['<!here>', '@here', true],
    ['<!channel>', '@channel', true],
    ['<!everyone>', '@everyone', true],
    ['<#C0JOBS>', '#jobs', false],
    ['<#C0WHO|secret>', '#secret', false],
  ])('%s is %s', (text, words, mine) => {
    const markup = drawText(text)
    expect(shown(markup)).toBe(words)
    expect(markup.includes('bk-own')).toBe(mine)
    expect(plain(text, context)).toBe(words)
  })

  it('are not what was escaped', () => {
    const markup = drawText('&lt;!channel&gt; &lt;@U0ANA&gt; &lt;!here&gt; @here')
    expect(shown(markup)).toBe('<!channel> <@U0ANA> <!here> @here')
    expect(markup).not.toContain('bk-mention')
  })
})

describe('text that is read aloud', () => {
  test.each([
    ['*Over* on `prod`, <@U0ANA>.', 'Over on prod, @ana.'],
    ['<https://example.com|here> or <https://example.com>', 'here or https://example.com'],
    ['one\n&gt; two ▰▰▱', 'one\ntwo 2 of 3'],
    [`since <!date^${unix(2026, 5, 21, 8)}^{date_num}|then>`, 'since 2026-06-21'],
    ['2 &lt; 3 &amp;&amp; a_b_c', '2 < 3 && a_b_c'],
    ['&lt;script&gt;', '<script>'],
    [undefined, ''],
  ])('%j is %j', (text, want) => {
    expect(plain(text, context)).toBe(want)
  })
})

describe('dates', () => {
  const at = (format, ...when) => shown(drawText(`x <!date^${unix(...when)}^${format}|fallback>`)).slice(2)

  test.each([
    ['{date_num}', [2014, 1, 18, 12], '2014-02-18', '2014-02-18'],
    ['{date_slash}', [2014, 1, 18, 12], '02/18/2014', '18/02/2014'],
    ['{date}', [2014, 1, 18, 12], 'February 18th, 2014', '18th February 2014'],
    ['{date}', [2026, 4, 1, 12], 'May 1st', '1st May'],
    ['{date_pretty}', [2026, 4, 2, 12], 'May 2nd', '2nd May'],
    ['{date_short}', [2014, 1, 18, 12], 'Feb 18, 2014', '18 Feb 2014'],
    ['{date_short_pretty}', [2026, 4, 2, 12], 'May 2', '2 May'],
    ['{date_long}', [2014, 1, 18, 12], 'Tuesday, February 18th, 2014', 'Tuesday, 18th February 2014'],
    ['{date_long_full}', [2014, 1, 18, 12], 'Tuesday, February 18, 2014', 'Tuesday, 18 February 2014'],
  ])('%s of %j is %s, or %s where days come first', (format, when, monthFirst, dayFirst) => {
    const written = (first) => formatDate(new Date(...when), format, now, false, first)
    expect([written(false), written(true)]).toEqual([monthFirst, dayFirst])
  })

  test.each([['en-US', false], ['en-GB', true], ['de', true], ['ja', false]])('come in the order of %s: days first, %s', (locale, want) => {
    expect(daysFirst(locale)).toBe(want)
  })

  it('are in the viewer’s order', () => {
    expect(at('{date_short}', 2026, 4, 2, 12)).toBe(daysFirst() ? '2 May' : 'May 2')
  })

  test.each([
    ['{date_long_pretty}', [2026, 5, 23, 1], 'tomorrow'],
    ['{date_short_pretty}', [2026, 5, 22, 0, 1], 'today'],
    ['{date_short_pretty} at {date_num}', [2026, 5, 21, 23, 59], 'yesterday at 2026-06-21'],
    ['{ago}', [2026, 5, 22, 9, 27], '3 minutes ago'],
    ['{nothing}', [2026, 5, 22, 9, 27], '{nothing}'],
  ])('%s of %j', (format, when, want) => {
    expect(at(format, ...when)).toBe(want)
  })

  it('are in the viewer’s zone and clock', () => {
    expect(at('{time}', 2026, 5, 22, 6, 39)).toBe(clockOf().format(new Date(2026, 5, 22, 6, 39)))
  })

  test.each([
    ['en-GB', '01:05'],
    ['de', '01:05'],
    ['es', '01:05'],
    ['en-US', '1:05 AM'],
  ])('have hours of two digits where a day has 24: %s', (locale, want) => {
    expect(clockOf({}, locale).format(new Date(2026, 5, 22, 1, 5)).replace('\u202f', ' ')).toBe(want)
  })

  it('begin with a capital where they begin what is read', () => {
    const today = `<!date^${unix(2026, 5, 22, 8)}^{date_pretty}|x>`
    expect(shown(drawText(`${today}, and ${today}\n${today}`))).toBe('Today, and today\nToday')
    expect(plain(`${today} and ${today}`, context)).toBe('Today and today')
  })

  it('say what the text says where they are none', () => {
    expect(shown(drawText('<!date^soon^{date}|later today>'))).toBe('later today')
  })

  it('may be links', () => {
    expect(hrefs(drawText(`<!date^${unix(2026, 5, 22, 8)}^{date_pretty}^https://example.com/|x>`))).toEqual(['https://example.com/'])
    expect(hrefs(drawText(`<!date^${unix(2026, 5, 22, 8)}^{date_pretty}^javascript:alert(1)|x>`))).toEqual([])
  })
})

describe('links', () => {
  test.each([
    ['<https://example.com/a?b=1&amp;c=2|there>', 'https://example.com/a?b=1&amp;c=2', 'there'],
    ['<http://example.com/>', 'http://example.com/', 'http://example.com/'],
    ['<mailto:a@example.com|a@example.com>', 'mailto:a@example.com', 'a@example.com'],
    ['see https://example.com/x.', 'https://example.com/x', 'see https://example.com/x.'],
    ['&lt;https://example.com/x&gt;', 'https://example.com/x', '<https://example.com/x>'],
  ])('%s', (text, href, words) => {
    const markup = drawText(text)
    expect(hrefs(markup)).toEqual([href])
    expect(markup).toContain('target="_blank" rel="noreferrer noopener"')
    expect(shown(markup)).toBe(words)
  })

  it('to a message of the workspace stay in it', () => {
    const markup = drawText('<https://demo.slack.com/archives/C0JOBS/p1782094380000100|here>')
    expect(hrefs(markup)).toHaveLength(1)
    expect(markup).not.toContain('_blank')
  })

  test.each(['javascript:alert(1)', 'JaVaScRiPt:alert(1)', 'java\tscript:alert(1)', ' javascript:alert(1)', 'data:text/html,x', 'vbscript:x', 'file:///etc/passwd', '//evil.example', '/api/press', 'blob:x'])(
    'to %s are no links',
    (url) => {
      for (const text of [`<${url}|click>`, `<${url}>`]) expect(hrefs(drawText(text))).toEqual([])
      expect(hrefs(draw([{ type: 'rich_text', elements: [{ type: 'rich_text_section', elements: [{ type: 'link', url, text: 'click' }] }] }]))).toEqual([])
      expect(hrefs(draw([{ type: 'markdown', text: `[click](${url})` }])).filter((href) => /script|data:|file:|blob:/i.test(href))).toEqual([])
      const button = { type: 'actions', elements: [{ type: 'button', action_id: 'a', url, text: { type: 'plain_text', text: 'Open' } }] }
      expect(hrefs(draw([button]))).toEqual([])
      expect(draw([button])).toContain('<button')
      expect(hrefs(draw([{ type: 'image', image_url: url, alt_text: 'x' }]))).toEqual([])
    },
  )
})

describe('hostile text', () => {
  const places = {
    mrkdwn: (text) => [section(text)],
    header: (text) => [{ type: 'header', text: { type: 'plain_text', text } }],
    context: (text) => [{ type: 'context', elements: [{ type: 'mrkdwn', text }, { type: 'plain_text', text }, { type: 'image', image_url: text, alt_text: text }] }],
    fields: (text) => [{ type: 'section', fields: [{ type: 'mrkdwn', text }] }],
    button: (text) => [{ type: 'actions', elements: [{ type: 'button', action_id: text, value: text, style: text, text: { type: 'plain_text', text } }] }],
    table: (text) => [{ type: 'table', column_settings: [{ align: text }], rows: [[{ type: 'raw_text', text }], [{ type: 'raw_text', text }]] }],
    'rich text': (text) => [{ type: 'rich_text', elements: [{ type: 'rich_text_section', elements: [{ type: 'text', text }, { type: 'emoji', name: text, unicode: text }, { type: 'color', value: text }] }] }],
    chart: (text) => [{ type: 'data_visualization', title: text, chart: { type: 'bar', series: [{ name: text, data: [{ label: text, value: 1 }] }], axis_config: { categories: [text], x_label: text, y_label: text } } }],
    markdown: (text) => [{ type: 'markdown', text }],
    image: (text) => [{ type: 'image', image_url: text, alt_text: text, title: { type: 'plain_text', text } }],
    type: (text) => [{ type: text }],
  }
  for (const [place, blocks] of Object.entries(places)) {
    test.each(hostile)(`as ${place}: %.40s`, (text) => {
      const markup = draw(blocks(text), text)
      expect(alive(markup)).toEqual([])
    })
  }

  test.each(['<img src=x>', '<p onclick="x()">', '<a href="javascript:x">', '<svg/onload=x></svg><script>'])('would be noticed: %s', (markup) => {
    expect(alive(markup)).not.toEqual([])
  })

  it('is shown as what it says', () => {
    expect(shown(drawText('&lt;script&gt;alert(1)&lt;/script&gt;'))).toBe('<script>alert(1)</script>')
    expect(shown(drawText('&amp;lt;b&amp;gt; &amp;amp;'))).toBe('&lt;b&gt; &amp;')
    expect(shown(drawText('![x](y) [z](w)'))).toBe('![x](y) [z](w)')
    expect(shown(drawText('<javascript:alert(1)|click>'))).toBe('<javascript:alert(1)|click>')
    expect(shown(drawText('# one\n1. two'))).toBe('# one\n1. two')
    expect(shown(draw([{ type: 'table', rows: [[{ type: 'raw_text', text: '&lt;!here&gt; # *a*' }]] }]))).toBe('<!here> # *a*')
  })
})

describe('what can’t be drawn', () => {
  const known = section('still here')
  test.each([
    ['an unknown block', { type: 'hologram' }],
    ['a block of an inherited name', { type: 'constructor' }],
    ['nothing', null],
    ['a section without text', { type: 'section' }],
    ['a text that is none', { type: 'section', text: { type: 'mrkdwn', text: 7 } }],
    ['actions without elements', { type: 'actions' }],
    ['an unknown control', { type: 'actions', elements: [{ type: 'hologram' }] }],
    ['a table without rows', { type: 'table', rows: [] }],
    ['a cell of an unknown type', { type: 'table', rows: [[{ type: 'hologram' }]] }],
    ['rich text of an unknown type', { type: 'rich_text', elements: [{ type: 'hologram', elements: [] }] }],
    ['a chart of words', { type: 'data_visualization', title: 'x', chart: { type: 'bar', series: [{ name: 'a', data: [{ label: 'b', value: 'many' }] }], axis_config: { categories: ['b'] } } }],
    ['a chart beyond all scales', { type: 'data_visualization', title: 'x', chart: { type: 'bar', series: [{ name: 'a', data: [{ label: 'b', value: 1e308 }] }], axis_config: { categories: ['b'] } } }],
    ['a chart of an unknown type', { type: 'data_visualization', title: 'x', chart: { type: 'radar' } }],
    ['a pie of less than nothing', { type: 'data_visualization', title: 'x', chart: { type: 'pie', segments: [{ label: 'a', value: -1 }] } }],
    ['a video', { type: 'video', video_url: 'https://evil.example/', alt_text: 'x' }],
  ])('%s is replaced by the text, and the rest stays', (_, block) => {
    expect(shown(draw([known, block, block]))).toBe('still herethe text')
  })

  it('no blocks', () => {
    expect(shown(draw(undefined))).toBe('')
    expect(shown(draw([]))).toBe('')
    expect(shown(drawText(undefined))).toBe('')
  })
})

describe('images', () => {
  it('from outside are named, never fetched', () => {
    const url = 'https://evil.example/x.png'
    const markup = draw([
      { type: 'image', image_url: url, alt_text: 'A cat' },
      { type: 'context', elements: [{ type: 'image', image_url: url, alt_text: 'A dog' }] },
      { ...section('x'), accessory: { type: 'image', image_url: url, alt_text: 'A cow' } },
      { type: 'markdown', text: `![A hen](${url}) ![A pig][p]\n\n[p]: ${url}` },
    ])
    expect(markup).not.toMatch(/<img|src=|background/)
    for (const words of ['A cat', 'A dog', 'A cow', 'A hen', 'A pig']) expect(shown(markup)).toContain(words)
  })

  it('that came along are shown', () => {
    expect(draw([{ type: 'image', image_url: 'data:image/png;base64,AAAA', alt_text: 'A dot' }])).toContain('<img class="bk-img bk-large" src="data:image/png;base64,AAAA" alt="A dot"/>')
  })
})

describe('tables', () => {
  const text = (text) => ({ type: 'raw_text', text })

  it('have a head, and cells of every kind', () => {
    const markup = draw([
      {
        type: 'table',
        column_settings: [{ align: 'center' }],
        rows: [
          [text('Who'), text('How many'), text('')],
          [{ type: 'rich_text', elements: [{ type: 'rich_text_section', elements: [{ type: 'user', user_id: 'U0ANA' }] }] }, { type: 'raw_number', value: 1234.5 }, text('')],
          [text(''), { type: 'raw_number', value: 2, text: '2 kB' }],
        ],
      },
    ])
    expect(markup.match(/<th scope="col"/g)).toHaveLength(2)
    expect(cells(markup)).toEqual(['Who', 'How many', '', '@ana', '1234.5', '', '', '2 kB'])
    expect(markup).toContain('<td class="bk-center">')
    expect(markup).toContain('<td class="bk-right bk-number">')
  })
})

describe('charts', () => {
  const categories = (n) => Array.from({ length: n }, (_, i) => `${i + 1} Jun 02:14`)
  const chart = (type, points, series, value) => ({
    type: 'data_visualization',
    title: 'How long',
    chart: {
      type,
      series: Array.from({ length: series }, (_, s) => ({ name: `series ${s}`, data: categories(points).map((label, i) => ({ label, value: value(i, s) })) })),
      axis_config: { categories: categories(points), x_label: 'Start', y_label: 'Minutes' },
    },
  })
  const numbers = (markup) => [...markup.matchAll(/(?: |\b)(?:x|y|cx|cy|width|height|d|x1|y1|transform|dy)="([^"]*)"/g)].map(([, value]) => value)

  const values = { zeros: () => 0, mixed: (i, s) => (i % 3 ? i * (s + 1) : 0), large: (i, s) => 123_456_789_012 * (i + s), small: (i) => i / 1e6, 'next to nothing': (i) => (i ? 5e-324 : -0), 'below zero': (i, s) => i - s * 5 }
  for (const type of ['bar', 'line', 'area']) {
    for (const [name, value] of Object.entries(values)) {
      for (const points of [1, 7, 20]) {
        test.each([1, 6])(`${type} of ${points} points, ${name}, %i series`, (series) => {
          const markup = draw([chart(type, points, series, value)])
          expect(markup).toContain('<figcaption>How long</figcaption>')
          expect(numbers(markup).length).toBeGreaterThan(0)
          expect(numbers(markup).join()).not.toMatch(/NaN|Infinity|undefined|(^|,)-\d+(\.\d+)?(,|$)(?=width|height)/)
          expect(cells(markup)).toHaveLength((points + 1) * (series + 1))
          expect(markup.match(/<li>/g)).toHaveLength(series)
          expect(shown(markup)).toContain('Minutes')
        })
      }
    }
  }

  it('tell their values in a table', () => {
    const markup = draw([chart('bar', 3, 2, (i, s) => (i + 1) * 1000.5 * s)])
    expect(cells(markup)).toEqual(['Start', 'series 0', 'series 1', '1 Jun 02:14', '0', '1,000.5', '2 Jun 02:14', '0', '2,001', '3 Jun 02:14', '0', '3,001.5'])
    expect(markup).toContain('role="img" aria-label="How long: bar chart of series 0, series 1, 3 points from 1 Jun 02:14 to 3 Jun 02:14.')
  })

  it('give a bar all the room where the other series have none', () => {
    const widths = (value) => [...draw([chart('bar', 10, 3, value)]).matchAll(/<g><rect x="[^"]*" y="[^"]*" width="([^"]*)"/g)].map(([, width]) => Number(width))
    const alone = widths((i, s) => (i % 3 === s ? 40 : 0))
    const beside = widths(() => 40)
    expect(alone).toHaveLength(10)
    expect(beside).toHaveLength(30)
    expect(alone[0]).toBeGreaterThan(beside[0] * 2)
  })

  it('have bars as high as their values', () => {
    const bars = [...draw([chart('bar', 3, 1, (i) => [50, 100, 25][i])]).matchAll(/<g><rect [^>]* height="([^"]*)"/g)].map(([, height]) => Number(height))
    expect(bars[0] / bars[1]).toBeCloseTo(0.5)
    expect(bars[2] / bars[1]).toBeCloseTo(0.25)
  })

  it('tell series apart without colour', () => {
    const fills = new Set([...draw([chart('bar', 1, 6, () => 1)]).matchAll(/<pattern [^>]*>(.*?)<\/pattern>/g)].map(([, inside]) => inside.replace(/bk-series-\d/, '')))
    expect(fills.size).toBe(6)
    const markers = new Set([...draw([chart('line', 1, 6, () => 1)]).matchAll(/<path d="([^"]*)" transform[^>]*bk-marker/g)].map(([, d]) => d))
    expect(markers.size).toBe(6)
  })

  it('draw a pie with its shares', () => {
    const markup = draw([{ type: 'data_visualization', title: 'Outcomes', chart: { type: 'pie', segments: [{ label: 'good', value: 3 }, { label: 'bad', value: 1 }] } }])
    expect(markup.match(/bk-slice/g)).toHaveLength(2)
    expect(cells(markup)).toEqual(['Part', 'Value', 'Share', 'good', '3', '75%', 'bad', '1', '25%'])
    const whole = draw([{ type: 'data_visualization', title: 'x', chart: { type: 'pie', segments: [{ label: 'all', value: 3 }] } }])
    expect(whole.match(/bk-slice/g)).toHaveLength(1)
  })
})

describe('controls', () => {
  const label = (text) => ({ type: 'plain_text', text })

  it('have their styles and names', () => {
    const markup = draw([
      {
        type: 'actions',
        elements: [
          { type: 'button', action_id: 'a', style: 'primary', text: label('Start') },
          { type: 'button', action_id: 'b', style: 'danger', text: label('Stop'), accessibility_label: 'Stop the job', confirm: { title: label('Sure?'), text: label('x'), confirm: label('Yes'), deny: label('No') } },
          { type: 'static_select', action_id: 'c', placeholder: label('Which'), options: [{ text: label('One'), value: '1' }] },
        ],
      },
    ])
    expect(markup).toMatch(/<button type="button" class="bk-button bk-primary" data-action="a">Start</)
    expect(markup).toMatch(/<button[^>]*bk-danger[^>]*aria-label="Stop the job"[^>]*aria-haspopup="dialog"/)
    expect(markup).toMatch(/<select[^>]*aria-label="Which"/)
  })

  it('that have an address are links', () => {
    const markup = draw([{ ...section('x'), accessory: { type: 'button', action_id: 'a', url: 'https://example.com/', text: label('Open') } }])
    expect(markup).toMatch(/<a href="https:\/\/example.com\/" class="bk-button" target="_blank" rel="noreferrer noopener" data-action="a">Open<\/a>/)
  })
})

describe('messages as an app posts them', () => {
  const all = import.meta.glob('./testdata/*.json', { eager: true, import: 'default' })

  test.each(Object.entries(all))('%s is drawn in full', (_, { text, blocks }) => {
    const words = shown(draw(blocks, 'FALLBACK'))
    expect(words).not.toContain('FALLBACK')
    expect(words).not.toMatch(/&(lt|gt|amp);|<!date|\{date|undefined|\[object/)
    expect(plain(text, context)).not.toMatch(/&(lt|gt|amp);/)
  })

  it('with words of others in them stay words', () => {
    const { blocks } = all['./testdata/hostile.json']
    const markup = draw(blocks)
    expect(shown(markup)).toContain('<!channel>')
    expect(shown(markup)).toContain('<https://evil.example|click>')
    expect(markup).toContain('Management &gt; Runs</a>')
  })
})
