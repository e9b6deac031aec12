// What the browser's tests and the screenshots stand on: the demo as a process, and Chromium before its page.
//
//   IMPORTBOT   the built program
//   CHROMIUM    the browser; "chromium" in the PATH where it is not set
import {spawn} from 'node:child_process'
import readline from 'node:readline'

import {chromium} from 'playwright-core'

const binary = process.env.IMPORTBOT
if (!binary) throw new Error('IMPORTBOT has to be the path of the built program: go build -o importbot . && export IMPORTBOT=$PWD/importbot')

/** Starts a demo of its own. Its standard input stays open, so it runs until stop is called. */
export async function startDemo() {
  const child = spawn(binary, ['demo', '--addr', '127.0.0.1:0'], {stdio: ['pipe', 'pipe', 'pipe']})
  const lines = []
  const waiting = new Set() // for a line of the terminal
  const ended = new Promise(resolve => child.once('exit', resolve))
  readline.createInterface({input: child.stderr}).on('line', line => lines.push(line))
  const address = await new Promise((resolve, reject) => {
    readline.createInterface({input: child.stdout}).on('line', line => {
      lines.push(line)
      for (const look of waiting) look(line)
      const found = /http:\/\/127\.0\.0\.1:\d+\/?/.exec(line)
      if (lines.length === 1 && found) resolve(found[0])
    })
    child.once('error', reject)
    ended.then(code => reject(new Error(`the demo ended with ${code}: ${lines.join('\n')}`)))
  })
  return {
    address,
    lines,
    /** Types a line in the terminal; with words, until it says those. */
    type: (line, words) => {
      const said = words && new Promise(resolve => {
        const look = told => {
          if (!told.includes(words)) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
      })
      child.stdin.write(line + '\n')
      return said
    },
    stop: () => {
      child.kill('SIGTERM')
      return ended
    },
  }
}

/** Starts Chromium, without anything of its own that would go to the network. */
export function startBrowser() {
  const args = ['--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
  return chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    chromiumSandbox: process.getuid?.() !== 0, // it refuses to run as root with one
    args,
  })
}

/** Waits until the panel says that the bot takes commands: the page is there before it is. Node.js 20 has no WebSocket, a browser has. */
async function botServes(context, address) {
  const page = await context.newPage()
  await page.goto(new URL('/licenses.md', address).href) // a file of the page's own origin, which follows nothing itself
  await page.evaluate(() => new Promise((resolve, reject) => {
    const stream = new WebSocket(`ws://${location.host}/api/events?user=U0ANA`)
    stream.onmessage = ({data}) => data.includes('taking commands') && resolve(stream.close())
    stream.onclose = () => reject(new Error('the bot never took commands'))
  }))
  await page.close()
}

/**
 * Opens the demo's page in a window of its own, once the bot is there. What must not happen there, whatever a test is about, is collected in faults: errors,
 * breaches of the content security policy (which Chromium reports as errors), requests that leave loopback.
 */
export async function openPage(browser, address, {width = 1280, height = 800, colorScheme = 'light', ...more} = {}) {
  const context = await browser.newContext({viewport: {width, height}, colorScheme, reducedMotion: 'reduce', locale: 'en-GB', timezoneId: 'Europe/Berlin', ...more})
  await botServes(context, address)
  const page = await context.newPage()
  const faults = []
  page.on('pageerror', error => faults.push(String(error)))
  page.on('console', message => {
    // Chromium notes every refusal as an error; the person is told of it in words.
    if (message.type() === 'error' && !/status of 422 /.test(message.text())) faults.push(message.text())
  })
  context.on('request', request => {
    const {protocol, hostname} = new URL(request.url())
    if (protocol !== 'data:' && hostname !== '127.0.0.1') faults.push(`a request left this machine: ${request.url()}`)
  })
  await page.goto(address)
  return {page, faults, close: () => context.close()}
}
