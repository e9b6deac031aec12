/** Why an app did not react, in words, by Slack's code for it. */
export const reasons = {
  dispatch_failed: 'The app is not connected, so it never heard of this.',
  operation_timeout: 'The app did not answer in time.',
  invalid_command_response: 'The app’s answer could not be read.',
}
