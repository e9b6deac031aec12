// Package bigfix asks BigFix Inventory and License Metric Tool servers how
// their data imports stand, and starts imports.
//
// # The idea
//
// Both products are editions of one server and share one small API: a single
// address, asked with GET, answers how imports stand. The same request with a
// parameter run= starts one. A [Client] keeps the two apart: [Client.Status]
// looks, as often as you like; [Client.Start] starts, and sends its request
// exactly once, whatever happens to it.
//
//	c, err := bigfix.New(bigfix.Config{
//		URL:    "https://inventory.example.com:9081",
//		Token:  os.Getenv("BIGFIX_TOKEN"),
//		CAFile: "inventory.pem",
//	})
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//	s, err := c.Status(ctx)
//
// The token is a user's API token, as the web pages show it under Profile; its
// owner needs the permission Manage Imports. With [Config.User] and
// [Config.Password] the client fetches one by itself, which servers with
// single sign-on don't allow.
//
// # Editions
//
// They differ in what they document, so [Config.Edition] says which one it is:
//
//   - BigFix Inventory ([BFI]) takes the token in the query and starts imports
//     of two types, [TypeRaw] and [TypeComplete]. A raw import is much shorter,
//     and what it brings can be read through the REST API only: the web pages
//     go on showing the last complete one.
//   - License Metric Tool ([ILMT]) takes the token in a header as well, and
//     administrators can forbid it in the query. It has one kind of import,
//     which TypeComplete starts; TypeRaw is [ErrUnsupported].
//
// # Following an import to its end
//
// The API has no number for an import, no list of past ones, no way to cancel
// one, and no reason for a failure. What it has is the last_… fields of
// [Status], and those only while nothing is running. So to know that an import
// ended, remember what they said before:
//
//  1. Look. Go on only if [Mode.NotRunning] is true, and keep the answer: its
//     LastImportTime is the baseline.
//  2. Start.
//  3. Look every half minute or so. While Mode is [ModeRunning], Progress is
//     all there is to see.
//  4. When Mode.NotRunning is true and LastImportTime is later than the
//     baseline, an import has ended. LastStatus has its outcome, and only the
//     word "successful" is success. LastImportType should be what you started.
//
// The example for this package is that program. What not to do in it:
//
//   - Don't take an error for an end. Around imports these servers fail to
//     answer, or complain about their database. A failed look says nothing.
//   - Don't take idle for an end. A server may stay idle for a while after a
//     start, and again after an end before LastImportTime moves.
//   - Don't take progress for an end. Nobody promises that it rises.
//   - Don't start again because a start failed. See below.
//   - Don't ask much: one poller a server, whatever the number of watchers.
//   - Don't compare the server's times with the local clock: [Status.ServerTime]
//     is the server's own.
//
// Nor can one see whose import it was that ended: between two looks, a short
// one can begin and end unseen. A program that must be sure has to weigh
// times, types and what it saw in between.
//
// # Errors
//
// Every method fails with an [*Error], whose [Kind] says what can be done:
//
//   - [ErrUnauthorized]: renew the token, or the password
//   - [ErrForbidden]: give its owner the permission Manage Imports
//   - [ErrNotThisServer]: mend the address; something else answers there
//   - [ErrBadRequest]: read [Error.Message], the server's own words
//   - [ErrUnavailable]: look again later
//   - [ErrUnsupported]: this edition can't do that
//
// After a failed start, [Error.NotSent] tells whether the request certainly
// never left. Unless it does, the import may be running: look, and don't start
// another.
//
// Tokens and passwords appear in no error and no text that this package
// returns, also where the server sent them back in its own message.
//
// # Why a start is not a plain GET
//
// Go's HTTP transport resends a GET by itself when a connection that it kept
// open turns out to be broken: harmless for a look, a second import for a
// start. So a start gets a transport of its own, HTTP/1.1 only, that may dial
// once and keeps nothing. For the same reason redirects are not followed and
// [Config] has no place for a http.RoundTripper. And never show a link with
// run= in it: opened in a browser that is logged in, it starts an import. The
// page to show people is [Client.ImportsPage].
//
// # Passwords
//
// Accounts get locked by programs that try a wrong password again and again.
// After a rejection the client doesn't try for an hour and returns
// ErrUnauthorized without asking. A program that restarts should remember
// [Client.LoginRejectedUntil] with the credentials it belongs to, and give it
// to the next client as [Config.NoLoginBefore].
//
// # Testing
//
// Package bigfixtest simulates such a server, its imports and its oddities.
package bigfix
