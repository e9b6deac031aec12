'use strict';
// A small app on Bolt for JavaScript, the official SDK. It knows nothing of the
// simulator: it is given two tokens and an address, and does what any app does.
// What it notices goes to standard output, one JSON object a line.

const { App, SocketModeReceiver, LogLevel } = require('@slack/bolt');
const { WebClientEvent } = require('@slack/web-api');

const say = (event, more = {}) => process.stdout.write(`${JSON.stringify({ event, ...more })}\n`);

// Every warning or error that the SDK logs is a sign that it could tell.
const logger = {
  debug() {},
  info(...words) { say('info', { text: words.join(' ') }); },
  warn(...words) { say('warn', { text: words.join(' ') }); },
  error(...words) { say('error', { text: words.join(' ') }); },
  setLevel() {},
  setName() {},
  getLevel: () => LogLevel.INFO,
};

const slackApiUrl = process.env.SLACK_API_URL;
const receiver = new SocketModeReceiver({
  appToken: process.env.SLACK_APP_TOKEN,
  logger,
  clientPingTimeout: 1500,
  installerOptions: { clientOptions: { slackApiUrl } },
});
const app = new App({ token: process.env.SLACK_BOT_TOKEN, receiver, logger, clientOptions: { slackApiUrl } });

receiver.client.on('connected', () => say('connected'));
receiver.client.on('reconnecting', () => say('reconnecting'));
app.error(async (error) => say('error', { text: error.message, data: error.data }));

const button = {
  type: 'actions',
  block_id: 'controls',
  elements: [{ type: 'button', action_id: 'rename', value: 'v1', text: { type: 'plain_text', text: 'Rename' } }],
};
const section = (text) => ({ type: 'section', text: { type: 'mrkdwn', text } });

const modal = (channel, ts) => ({
  type: 'modal',
  callback_id: 'rename_modal',
  private_metadata: JSON.stringify({ channel, ts }),
  title: { type: 'plain_text', text: 'Rename' },
  submit: { type: 'plain_text', text: 'Save' },
  blocks: [{
    type: 'input',
    block_id: 'name',
    label: { type: 'plain_text', text: 'New name' },
    element: { type: 'plain_text_input', action_id: 'value' },
  }],
});

const commands = {
  // The answer travels in the ack, is replaced by response_url, and the message
  // comes by the Web API.
  async post({ command, ack, respond, client }) {
    await ack({ text: 'Working on it' });
    const posted = await client.chat.postMessage({
      channel: command.channel_id,
      text: 'A thing named first',
      blocks: [section('A thing named *first*'), button],
      metadata: { event_type: 'thing', event_payload: { id: '7' } },
    });
    const { permalink } = await client.chat.getPermalink({ channel: posted.channel, message_ts: posted.ts });
    await respond({ text: `Done: ${permalink}`, replace_original: true });
  },
  // A thread, a broadcast and a direct message.
  async thread({ command, ack, client }) {
    await ack();
    const { messages } = await client.conversations.history({ channel: command.channel_id, limit: 1, include_all_metadata: true });
    const [{ ts, metadata }] = messages;
    await client.chat.postMessage({ channel: command.channel_id, thread_ts: ts, text: `Reply to ${metadata.event_payload.id}` });
    await client.chat.postMessage({ channel: command.channel_id, thread_ts: ts, text: 'For all', reply_broadcast: true });
    await client.chat.postMessage({ channel: command.user_id, text: 'Just for you' });
  },
  // A question that only one person sees, with a button.
  async ask({ ack, respond }) {
    await ack();
    await respond({
      text: 'Really?',
      blocks: [section('Really?'), {
        type: 'actions',
        elements: [{
          type: 'button',
          action_id: 'confirm',
          value: 'yes',
          text: { type: 'plain_text', text: 'Yes' },
          confirm: {
            title: { type: 'plain_text', text: 'Sure?' },
            text: { type: 'plain_text', text: 'There is no way back' },
            confirm: { type: 'plain_text', text: 'Go' },
            deny: { type: 'plain_text', text: 'Stay' },
          },
        }],
      }],
    });
  },
  // Things that Slack refuses.
  async refused({ command, ack, client }) {
    await ack();
    for (const args of [
      { text: 'x', blocks: [section('y'.repeat(3001))] },
      { text: 'x', blocks: [{ type: 'task_card' }] },
      { text: '' },
      { text: 'x', channel: 'C0NOWHERE' },
    ]) {
      try {
        await client.chat.postMessage({ channel: command.channel_id, ...args });
        say('accepted', { args });
      } catch (error) {
        say('refused', { code: error.code, error: error.data?.error, messages: error.data?.response_metadata?.messages });
      }
    }
    say('refusals_done');
  },
  async burst({ command, ack, client }) {
    await ack();
    client.removeAllListeners(WebClientEvent.RATE_LIMITED);
    client.on(WebClientEvent.RATE_LIMITED, (seconds) => say('rate_limited', { seconds }));
    const { ts } = await client.chat.postMessage({ channel: command.channel_id, text: 'One more' });
    say('posted', { ts });
  },
};

app.command('/judge', async (args) => commands[args.command.text](args));

app.action('rename', async ({ ack, body, action, client }) => {
  await ack();
  say('pressed', { value: action.value, user: body.user.id, block: action.block_id });
  await client.views.open({ trigger_id: body.trigger_id, view: modal(body.channel.id, body.message.ts) });
});

app.view('rename_modal', async ({ ack, view, client, body }) => {
  const name = view.state.values.name.value.value;
  if (!name) {
    await ack({ response_action: 'errors', errors: { name: 'A thing needs a name' } });
    return;
  }
  await ack();
  const { channel, ts } = JSON.parse(view.private_metadata);
  const text = `A thing named ${name}`;
  await client.chat.update({ channel, ts, text, blocks: [section(`A thing named *${name}*`), button] });
  await client.chat.postEphemeral({ channel, user: body.user.id, text: `Renamed to ${name}` });
});

app.action('confirm', async ({ ack, body, action, respond }) => {
  await ack();
  say('confirmed', { value: action.value, text: action.confirm.title.text, ephemeral: body.container.is_ephemeral, message: Boolean(body.message) });
  await respond({ text: 'Confirmed', replace_original: true });
});

const home = (text) => ({
  type: 'home',
  blocks: [section(text), {
    type: 'actions',
    elements: [
      { type: 'button', action_id: 'refresh', text: { type: 'plain_text', text: 'Refresh' } },
      { type: 'button', action_id: 'visit', url: 'https://example.com/', text: { type: 'plain_text', text: 'Visit' } },
    ],
  }],
});

app.event('app_home_opened', async ({ event, client }) => {
  say('home', { user: event.user, text: event.tab, view: event.view?.id });
  await client.views.publish({ user_id: event.user, view: home(event.view ? 'Welcome back' : 'Welcome home') });
});

app.action('refresh', async ({ ack, body, client }) => {
  await ack();
  say('refreshed', { user: body.user.id, view: body.view.id, message: Boolean(body.channel || body.response_url) });
  await client.views.publish({ user_id: body.user.id, view: home('Refreshed'), hash: body.view.hash });
});

app.action('visit', async ({ ack, action }) => {
  await ack();
  say('visited', { text: action.url });
});

process.on('SIGTERM', async () => {
  await app.stop();
  process.exit(0);
});

(async () => {
  await app.start();
  const me = await app.client.auth.test();
  say('started', { user: me.user_id, scopes: me.response_metadata.scopes });
})().catch((error) => {
  say('error', { text: error.stack });
  process.exit(1);
});
