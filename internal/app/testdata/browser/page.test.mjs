// What a newcomer does with the demo's page, each in a demo of its own, in a real browser.
//
//   IMPORTBOT=… CHROMIUM=… node --test
import {readFile} from 'node:fs/promises'
import {createRequire} from 'node:module'
import {after, before, describe, test} from 'node:test'
import {gzipSync} from 'node:zlib'

import {hostile} from '../../../slackweb/client/src/blocks/hostile.js'
import {Client} from './client.mjs'
import {expect} from './expect.mjs'
import {openPage, startBrowser, startDemo} from './stage.mjs'

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

let browser
before(async () => {
  browser = await startBrowser()
})
after(() => browser?.close())

/** A test with a demo and a window before it, after which nothing may have gone wrong in the page. */
function story(name, tell, options = {}) {
  test(name, {timeout: 240_000}, async t => {
    const demo = await startDemo()
    const {page, faults, close} = await openPage(browser, demo.address, options)
    const client = new Client(page)
    try {
      await tell({t, demo, page, client})
      Client.sound(faults)
    } catch (error) {
      if (process.env.PICTURES) await page.screenshot({path: `${process.env.PICTURES}/${name.replaceAll(/\W+/g, '-')}.png`})
      error.message += `\n${demo.lines.slice(-40).join('\n')}`
      throw error
    } finally {
      await close()
      await demo.stop()
    }
  })
}

describe('the page', {concurrency: 4}, () => {
  story('a raw import, followed to its end', async ({page, client}) => {
    await client.type('/import raw')
    const card = await client.card('Raw import on prod · ')
    const answer = await client.reads('Follow it here')
    expect(await answer.getByText('Only visible to you').count(), 'marks that only I see the answer').toBe(1)
    const end = await client.reads('Raw import on prod succeeded after')
    expect(await end.locator('.content').getByText('@ana').count(), 'mentions of who asked').toBe(1)
    // The same card says it now, and its thread tells how it went.
    await card.getByText('succeeded after').first().waitFor()
    await end.getByRole('button', {name: 'View thread'}).click()
    for (const words of ['is running, seen', /has passed \d+\s%/, 'succeeded after']) {
      await client.thread.getByText(words).first().waitFor()
    }
    // Esc closes the pane, and the cursor is back where it was.
    await page.keyboard.press('Escape')
    await client.thread.waitFor({state: 'detached'})
  })

  story('a card that loses the button with the focus', async ({demo, page, client}) => {
    await demo.type('server hangs', 'will stand still')
    await client.type('/import raw')
    const card = await client.card('Raw import on prod · running')
    await client.button(card, 'Notify me').focus()
    demo.type('server restarts')
    await client.button(card, 'Notify me').waitFor({state: 'detached'})
    await client.focused({'data-ts': card.ts})
  })

  story('a night that fails, and who is told', async ({page, client}) => {
    await client.go(/it-general/)
    await client.flip('Make the next import fail')
    await client.flip('Run the nightly import now')
    const place = client.place(/bigfix-imports/)
    await place.getByText(/mention.*unread/).waitFor() // the alert mentions the group that she is in
    await place.click()
    const alert = await client.reads('failed after')
    await alert.getByText('the server says "failed"').first().waitFor()
    await client.button(alert, 'Mute for 2 h').waitFor()
    // Started again by the alert's own button, it recovers, and the alert's thread says so.
    await client.button(alert, 'Start complete').click()
    await page.getByRole('dialog').or(page.getByRole('alertdialog')).getByRole('button', {name: 'Start', exact: true}).click()
    await client.reads('Complete import on prod succeeded after')
    await alert.getByRole('button', {name: 'View thread'}).click()
    await client.thread.getByText(/^Over: /).waitFor()
  })

  story('a person who may not', async ({page, client}) => {
    // Once ben is chosen nothing is said by ana any more, however long it takes to be ben.
    let arrives
    const asked = new Promise(resolve => (arrives = resolve))
    await page.route('**/api/workspace?user=U0BEN', route => arrives(route), {times: 1})
    await page.getByRole('radio', {name: /^ben/}).locator('..').click()
    await page.locator('.stage[aria-busy="true"]').waitFor()
    expect(await page.locator('.stage').evaluate(stage => stage.inert), 'nothing can be typed').toBe(true)
    await (await asked).continue()
    await client.become('ben')
    await client.type('/import raw')
    await client.reads('Only @oncall may start imports on prod')
    await client.type('/import status')
    const status = await client.reads('Last success')
    await client.button(status, 'Start raw').click()
    await client.reads('Only @oncall may start imports on prod')
    await client.type('/imprt raw')
    await page.getByRole('status').getByText('Slackbot, only visible to you: "/imprt" is no command here.').waitFor()
    // What only ben could see is nothing that ana sees.
    await client.become('ana')
    await page.getByRole('combobox', {name: 'Message #bigfix-imports'}).waitFor()
    await page.getByText('You typed').first().waitFor({state: 'detached'})
    expect(await page.getByText('Only @oncall may').count(), 'of ben’s refusals ana sees').toBe(0)
  })

  story('a dialog that asks first', async ({page, client}) => {
    await client.type('/import status')
    const status = await client.reads('Last success')
    const dialog = page.getByRole('dialog').or(page.getByRole('alertdialog'))
    await client.button(status, 'Start complete').click()
    await dialog.getByText('Start a complete import on prod?').waitFor()
    await dialog.getByText(/It usually takes 19 to 21 seconds/).waitFor()
    await dialog.getByText(/next scheduled import/).waitFor()
    await page.keyboard.press('Escape')
    await dialog.waitFor({state: 'hidden'})
    expect(await client.message('Complete import on prod · starting').count(), 'cards after the dialog was closed').toBe(0)
    await client.button(status, 'Start complete').click()
    await dialog.getByRole('button', {name: 'Start', exact: true}).click()
    await client.reads('Complete import on prod · ')
  })

  story('a dialog whose button goes while it is read', async ({demo, page, client}) => {
    await demo.type('server hangs', 'will stand still') // so that it runs as long as anybody looks
    await client.go(/Importbot/)
    const home = page.getByRole('region', {name: 'Home of Importbot'})
    await client.button(home, 'Start complete').first().click()
    const dialog = page.getByRole('dialog', {name: 'Start a complete import on prod?'})
    await dialog.waitFor()
    demo.type('/import raw')
    await home.getByText('Raw import, started by').first().waitFor({state: 'attached'})
    expect(await dialog.isVisible(), 'the dialog is still there').toBe(true)
    await dialog.getByRole('button', {name: 'Start', exact: true}).click()
    await dialog.waitFor({state: 'detached'})
    await home.getByText('That button is old').waitFor()
    await page.getByRole('status').getByText('That button is old').waitFor() // for who listens
    await client.focused({'aria-label': 'Home of Importbot'})
  })

  // No app answers that soon, so the stream is one of our own.
  story('a dialog whose message changes while it is read', async ({page, client}) => {
    const says = text => ({type: 'plain_text', text})
    const message = (kind, seq, blocks) => JSON.stringify({id: `x-${seq}`, event: {
      seq, time: '2033-05-18T03:33:20Z', kind, channel: 'C0IMPORTS',
      message: {channel: 'C0IMPORTS', ts: '2000000000.000001', user: 'U0BEN', text: 'A card', blocks},
    }})
    const asks = {title: says('Really?'), text: says('It can’t be undone.'), confirm: says('Yes'), deny: says('No')}
    const buttons = (...values) => [{type: 'actions', block_id: 'b', elements: values.map(value => ({type: 'button', action_id: value, value, text: says(value), confirm: asks}))}]
    let stream
    await page.routeWebSocket(/\/api\/events\?/, socket => {
      stream = socket
      socket.send(message('message', 1e6, buttons('Stop', 'Undo')))
    })
    await page.reload()
    const card = await client.reads('Stop')
    const dialog = page.getByRole('dialog')
    await client.button(card, 'Undo').click()
    await dialog.getByText('It can’t be undone.').waitFor()
    stream.send(message('edit', 1e6 + 1, [{type: 'section', text: says('Changed')}, ...buttons('Stop')]))
    await client.message('Changed').waitFor()
    await dialog.getByRole('button', {name: 'No'}).click()
    await dialog.waitFor({state: 'detached'})
    await client.focused({'data-ts': '2000000000.000001'})
    // What becomes of a press is said also where the button that was pressed is gone.
    await client.button(card, 'Stop').click()
    await dialog.getByText('It can’t be undone.').waitFor()
    stream.send(message('edit', 1e6 + 2, [{type: 'section', text: says('Over')}]))
    await client.message('Over').waitFor()
    await dialog.getByRole('button', {name: 'Yes'}).click()
    await dialog.getByText('That can\'t be pressed').waitFor()
    await dialog.getByRole('button', {name: 'Close'}).click()
    await dialog.waitFor({state: 'detached'})
    await client.focused({'data-ts': '2000000000.000001'})
  })

  story('the Home tab', async ({demo, page, client}) => {
    await demo.type('server hangs', 'will stand still') // so that it runs as long as anybody looks
    await client.go(/Importbot/)
    const home = page.getByRole('region', {name: 'Home of Importbot'})
    await home.getByText(/prod · idle/).first().waitFor()
    await home.getByText('Last success').first().waitFor()
    await home.getByRole('img', {name: /prod/}).first().waitFor()
    // It changes by itself while somebody looks at it.
    await client.flip('Start a raw import')
    await home.getByText(/prod · running/).first().waitFor()
    await home.getByRole('button', {name: 'Refresh'}).first().click()
    await client.flip('Restart the server')
    await home.getByText(/prod · idle/).first().waitFor()
    // What a press far below is answered at the top is in sight.
    await client.button(home, 'Start import').click()
    await page.getByRole('dialog').getByRole('button', {name: 'Start', exact: true}).click()
    await home.getByText('Starting a complete import on lab').waitFor()
    await home.evaluate(element => new Promise(resolve => {
      const look = () => element.scrollTop === 0 ? resolve() : requestAnimationFrame(look)
      look()
    }))
  })

  story('history, with a chart', async ({page, client}) => {
    await client.type('/import history 12')
    const answer = await client.reads('last 12 imports')
    await answer.getByRole('img').first().waitFor()
    await answer.getByText('failed').first().waitFor()
  })

  story('the bot is killed in mid-import, and goes on', async ({page, client}) => {
    await client.flip('Let the next import rest') // which leaves half a minute to kill it in
    await client.type('/import complete')
    const card = await client.card('Complete import on prod · ')
    await client.flip('Kill it (kill -9)')
    await client.panel.getByText(/^Killed\./).waitFor()
    await client.panel.getByText(/^The bot is not connected/).waitFor()
    // Nobody is left to answer, and Slack says so.
    await client.button(card, 'Notify me').click()
    await card.getByText('The app is not connected, so it never heard of this.').waitFor()
    await client.type('/import status')
    await page.getByRole('status').getByText('Slackbot, only visible to you: /import status failed').waitFor() // for who listens
    await client.flip('Start it again')
    await client.reads('Complete import on prod succeeded after')
    await card.getByText('succeeded after').first().waitFor()
    expect(await client.messages.filter({hasText: 'Complete import on prod succeeded after'}).count(), 'end notices').toBe(1)
    expect(await client.messages.filter({hasText: 'Complete import on prod · '}).count(), 'cards').toBe(1)
  })

  story('a press that the bot does not answer in time', async ({page, client}) => {
    await client.type('/import status')
    const refresh = client.button(await client.reads('Last success'), 'Refresh')
    const bot = Number(await client.panel.locator('dt', {hasText: /^Process$/}).locator('+ dd').innerText())
    const busy = page.evaluate(() => new Promise(resolve => {
      const look = () => document.querySelector('button[aria-busy="true"]') && resolve(document.querySelector('button[aria-busy="true"]').innerText)
      new MutationObserver(look).observe(document.body, {subtree: true, attributeFilter: ['aria-busy']})
    }))
    process.kill(bot, 'SIGSTOP')
    try {
      await refresh.click()
      expect(await busy, 'the button that is busy').toBe('Refresh')
      await page.getByText('The app did not answer in time.').waitFor()
      expect(await page.locator('button[aria-busy="true"]').count(), 'buttons that are busy when it is over').toBe(0)
    } finally {
      process.kill(bot, 'SIGCONT')
    }
    await refresh.click()
    await page.getByText('The app did not answer in time.').waitFor({state: 'detached'})
  })

  story('the panel says what a switch does', async ({page, client}) => {
    const last = client.panel.locator('.panel-foot')
    for (const name of ['Kill it (kill -9)', 'Start it again']) {
      const {y, height} = await client.panel.getByRole('button', {name}).boundingBox()
      expect(y + height < 800, `${name} is in sight`).toBe(true)
    }
    const kill = client.panel.getByRole('button', {name: 'Kill it (kill -9)'})
    await kill.focus()
    await last.getByText('Kills the bot\'s process, as kill -9 does.').waitFor()
    await page.keyboard.press('Tab')
    await last.getByText('The bot runs already.').waitFor() // what can't be used says why
    await client.panel.getByRole('switch', {name: 'Take the server away'}).hover()
    await last.getByText('Takes the server off the network.').waitFor()
    await client.panel.getByRole('switch', {name: 'Take the server away'}).click()
    await client.panel.getByRole('status').getByText('The server prod is gone from the network.').waitFor()
    await client.panel.getByRole('switch', {name: 'Take the server away', checked: true}).waitFor()
    // What comes of the last one is told there too, when it comes.
    await client.flip('Kill it (kill -9)')
    await client.flip('Start it again')
    await last.getByText('The bot takes commands again').waitFor()
    // What is on says what becomes of that.
    await client.panel.getByRole('switch', {name: 'Take the server away'}).hover()
    await last.getByText('Brings the server back.').waitFor()
  })

  story('with the keyboard alone', async ({page, client}) => {
    await page.getByRole('combobox', {name: 'Message #bigfix-imports'}).waitFor()
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label') || document.activeElement?.innerText || '')
    const tabTo = async (words, key = 'Tab') => {
      for (let i = 0; i < 120; i++) {
        if (words.test(await focused())) return
        await page.keyboard.press(key)
      }
      throw new Error(`no way by ${key} to ${words}`)
    }
    await tabTo(/^Message #bigfix-imports/)
    await page.keyboard.type('/im')
    await page.getByRole('option').first().waitFor()
    await page.keyboard.press('Tab') // takes the command
    await page.keyboard.type('sta')
    await page.getByRole('option', {name: '/import status', exact: true}).waitFor()
    await page.keyboard.press('Tab')
    expect((await client.box().innerText()).trim(), 'what was completed').toBe('/import status')
    await page.keyboard.press('Enter')
    await client.reads('Last success')
    await tabTo(/^Start complete$/, 'Shift+Tab')
    await page.keyboard.press('Enter')
    const dialog = page.getByRole('dialog').or(page.getByRole('alertdialog'))
    await dialog.waitFor()
    await page.keyboard.press('Escape')
    await dialog.waitFor({state: 'hidden'})
    await page.locator(':focus').filter({hasText: /^Start complete$/}).waitFor()
    await page.keyboard.press('Enter')
    await dialog.waitFor()
    await tabTo(/^Start$/)
    await page.keyboard.press('Enter')
    const card = await client.card('Complete import on prod · ')
    await client.button(card, /repl/).waitFor()
    await tabTo(/^1 reply|^\d+ replies/, 'Shift+Tab')
    await page.keyboard.press('Enter')
    await client.thread.waitFor()
    await page.keyboard.press('Escape')
    await client.thread.waitFor({state: 'detached'})
    await tabTo(/^Kill it/)
    await page.keyboard.press('Enter')
    await client.panel.getByText(/^Killed\./).waitFor()
  })

  story('what is written stays text', async ({page, client}) => {
    for (const words of ['<img src=x onerror="document.title=1">', '<script>document.title=1</script>', '![x](http://203.0.113.9/x.png) [y](javascript:alert(1))']) {
      await client.type(words)
      await page.getByText(words, {exact: true}).first().waitFor()
    }
    expect(await page.locator('.content img, .content script').count(), 'elements made of text').toBe(0)
    expect(await page.locator('a[href^="javascript:"]').count(), 'script addresses').toBe(0)
  })

  // The bot sends none of this, so the stream is one of our own. The page's policy makes an error of markup that is made of text.
  story('whatever an app sends stays text', async ({page, client}) => {
    page.on('dialog', () => expect('an alert').toBe('none'))
    const says = text => ({type: 'plain_text', text})
    const blocks = text => [
      {type: 'header', text: says(text)},
      {type: 'section', text: {type: 'mrkdwn', text}, fields: [says(text)], accessory: {type: 'image', image_url: text, alt_text: text}},
      {type: 'context', elements: [{type: 'mrkdwn', text}, {type: 'image', image_url: `https://203.0.113.9/${text}`, alt_text: text}]},
      {type: 'rich_text', elements: [{type: 'rich_text_section', elements: [{type: 'text', text}, {type: 'link', url: text, text}, {type: 'emoji', name: text}]}]},
      {type: 'table', rows: [[{type: 'raw_text', text}], [{type: 'raw_text', text}]]},
      {type: 'data_visualization', title: text, chart: {type: 'bar', series: [{name: text, data: [{label: text, value: 1}]}], axis_config: {categories: [text], y_label: text}}},
      {type: 'markdown', text: `&copy; &notit;\n\n${text}`},
      {type: 'actions', elements: [{type: 'button', action_id: 'a', text: says('Ask'), confirm: {title: says(text), text: says(text), confirm: says('Yes'), deny: says('No')}}]},
      {type: text},
    ]
    const event = (text, i) => {
      const at = {channel: 'C0IMPORTS', ts: `2000000000.${String(i + 1).padStart(6, '0')}`, user: 'U0BEN', text, blocks: blocks(text)}
      return JSON.stringify({id: `x-${i}`, event: {seq: 1e6 + i, time: '2033-05-18T03:33:20Z', kind: 'message', channel: 'C0IMPORTS', message: at}})
    }
    await page.routeWebSocket(/\/api\/events\?/, socket => hostile.map(event).forEach(message => socket.send(message)))
    await page.reload()
    await page.locator('[data-message]').nth(hostile.length - 1).waitFor()
    expect(await page.locator('.bk-chart').count(), 'charts').toBe(hostile.length)
    expect(await page.locator('[data-message]').getByText('©').count(), 'markdown that was read').toBe(hostile.length)
    const press = button => button.evaluate(element => element.click()) // wherever it is
    for (const ask of await page.getByRole('button', {name: 'Ask'}).all()) {
      await press(ask)
      await press(page.getByRole('dialog').getByRole('button', {name: 'No'}))
      await page.getByRole('dialog').waitFor({state: 'detached'})
    }
    expect(await page.locator('#root :is(img, script, iframe, object, embed, form, base, style)').count(), 'elements made of text').toBe(0)
    expect(await page.locator('a').evaluateAll(all => all.map(a => a.protocol).filter(p => !/^(https?|mailto):$/.test(p))), 'addresses').toEqual([])
  })

  story('two people in two windows', async ({demo, page, client}) => {
    const other = await openPage(browser, demo.address)
    const ben = new Client(other.page)
    try {
      await ben.become('ben')
      await client.go(/it-general/)
      await client.go(/bigfix-imports/)
      await client.type('Is anybody here?')
      await ben.reads('Is anybody here?')
      await ben.type('I am.')
      await client.reads('I am.')
      expect(await page.locator('.messages .new').count(), 'lines before what came in front of her').toBe(0)
      await client.go(/it-general/)
      await ben.type('Still here.')
      await client.place(/bigfix-imports/).getByText('1 unread message').waitFor()
      await client.go(/bigfix-imports/)
      expect(await page.locator('.messages .new + li').innerText().then(text => text.includes('Still here.')), 'a line before what did not').toBe(true)
      await client.type('/import status')
      await client.reads('Last success')
      expect(await other.page.getByText('Last success').count(), 'of ana’s answers ben sees').toBe(0)
      Client.sound(other.faults)
    } finally {
      await other.close()
    }
    await page.reload()
    await client.reads('I am.')
  })

  story('a stream that breaks goes on where it was', async ({demo, page, client}) => {
    let stream
    let cut = false
    await page.routeWebSocket(/\/api\/events\?/, socket => {
      if (cut) return socket.close()
      stream = socket
      socket.connectToServer()
    })
    await page.reload()
    await client.type('Is anybody here?')
    await client.reads('Is anybody here?')
    cut = true
    await stream.close()
    const lost = page.getByRole('alert').filter({hasText: 'Disconnected at'})
    await lost.waitFor()
    const said = {user: 'U0BEN', channel: 'C0IMPORTS', text: 'While you were away.'}
    expect((await page.request.post(new URL('/api/message', demo.address).href, {data: said})).status(), 'what ben’s message is answered with').toBe(200)
    cut = false
    await client.reads('While you were away.')
    await lost.waitFor({state: 'detached'})
    for (const words of ['Is anybody here?', 'While you were away.']) {
      expect(await client.messages.filter({hasText: words}).count(), `messages that say ${words}`).toBe(1)
    }
  })

  // A browser opens six ordinary connections to one server, for all of its tabs together.
  story('eight tabs at once', async ({demo, page, client}) => {
    await client.type('Is anybody here?')
    const others = await Promise.all(Array.from({length: 7}, async () => {
      const other = await page.context().newPage()
      await other.goto(demo.address)
      return new Client(other)
    }))
    for (const other of others) await other.reads('Is anybody here?')
    await others.at(-1).type('In the last one too.')
    for (const other of [client, ...others]) {
      await other.reads('In the last one too.')
      await other.panel.getByText('Running, and taking commands.').waitFor()
    }
    // A tab that nobody sees knows all the same what came meanwhile.
    const [hidden, ben] = [others.at(0), others.at(-1)]
    const look = visibility => hidden.page.evaluate(visibility => {
      Object.defineProperty(document, 'visibilityState', {value: visibility, configurable: true})
      document.dispatchEvent(new Event('visibilitychange'))
    }, visibility)
    await look('hidden')
    await ben.become('ben')
    await ben.type('While nobody looked.')
    await hidden.place(/bigfix-imports/).getByText('1 unread message').waitFor()
    await look('visible')
    await hidden.page.locator('.messages .new + li', {hasText: 'While nobody looked.'}).waitFor()
    await hidden.place(/bigfix-imports/).getByText('unread message').waitFor({state: 'detached'})
  })

  story('what comes while one reads further up', async ({demo, page, client}) => {
    const other = await openPage(browser, demo.address)
    const ben = new Client(other.page)
    try {
      await ben.become('ben')
      await client.type('/import help')
      await client.reads('/import unmute')
      const list = page.getByRole('region', {name: /^Messages in/})
      await list.evaluate(element => element.scrollTo(0, 0))
      await page.getByRole('button', {name: 'Latest messages'}).waitFor()
      await ben.type('Is anybody here?')
      await page.getByRole('button', {name: 'New messages'}).waitFor()
      expect(await list.evaluate(element => element.scrollTop), 'how far the list was moved').toBe(0)
      // Who sends something sees it, and the answer.
      await client.type('/import status')
      await client.reads('Last success')
      await page.getByRole('button', {name: 'New messages'}).waitFor({state: 'detached'})
      expect(await list.evaluate(element => element.scrollHeight - element.clientHeight - element.scrollTop < 48), 'the list is at its end').toBe(true)
      Client.sound(other.faults)
    } finally {
      await other.close()
    }
  }, {height: 560})

  story('what it weighs', async ({t, demo, page, client}) => {
    await client.type('Something to show.')
    await client.reads('Something to show.')
    const answer = await page.request.get(demo.address)
    const policy = answer.headers()['content-security-policy']
    expect(/default-src 'none'/.test(policy) && !/unsafe/.test(policy), `a strict policy: ${policy}`).toBe(true)
    const addresses = await page.evaluate(() => performance.getEntriesByType('resource').map(r => r.name).filter(name => !name.includes('/api/')))
    let bytes = gzipSync(await answer.body()).length
    for (const address of addresses) bytes += gzipSync(await (await page.request.get(address)).body()).length
    t.diagnostic(`the page weighs ${Math.round(bytes / 1000)} kB compressed`)
    expect(bytes < 400_000, `under 400 kB: ${bytes}`).toBe(true)
    const shown = []
    for (let i = 0; i < 5; i++) {
      await page.reload()
      await page.locator('[data-message]').first().waitFor()
      shown.push(Math.round(await page.evaluate(() => performance.now())))
    }
    t.diagnostic(`the first message is shown after ${shown.join(', ')} ms`)
  })
})

describe('what axe-core finds', {concurrency: 2}, () => {
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [1280, 400]) {
      story(`${colorScheme}, ${width} pixels wide`, async ({demo, page, client}) => {
        const found = []
        const look = async where => {
          await page.evaluate(axe)
          const {violations} = await page.evaluate(() => globalThis.axe.run(document, {resultTypes: ['violations']}))
          for (const v of violations) found.push(`${where}: ${v.id}: ${v.nodes.map(n => n.html.slice(0, 160)).join(' | ')}`)
          const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
          if (over > 0) found.push(`${where}: ${over} pixels too wide`)
        }
        await client.type('/import history')
        await client.reads('last 10 imports')
        await client.type('/import status')
        const status = await client.reads('Last success')
        await client.button(status, 'Start complete').click()
        await page.getByRole('dialog').or(page.getByRole('alertdialog')).waitFor()
        await look('a dialog')
        await page.keyboard.press('Escape')
        await demo.type('server hangs', 'will stand still') // so that it runs as long as anybody looks
        await client.type('/import raw')
        const card = await client.card('Raw import on prod · running')
        await look('the channel')
        await client.box().fill('/import ')
        await page.getByRole('option').first().waitFor()
        await look('completing a command')
        await client.box().fill('')
        await client.button(card, /repl/).first().click()
        await client.thread.getByText('is running').first().waitFor()
        await look('a thread')
        await page.keyboard.press('Escape')
        if (width < 760) {
          await page.getByRole('button', {name: /^Channels and people/}).click()
          await look('the list of channels')
        }
        await client.go(/Importbot/)
        await page.getByRole('region', {name: 'Home of Importbot'}).getByText('Last success').first().waitFor()
        await look('the Home tab')
        if (width < 760) {
          await page.getByRole('button', {name: 'Behind the scenes'}).click()
          await look('the panel')
        }
        expect(found, 'what axe-core and the width find').toEqual([])
      }, {width, height: 900, colorScheme})
    }
  }
})
