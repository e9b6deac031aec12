package bot

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// The library owns the WebSocket and shows little of it. What this package
// needs to know and to say stands here, around and below it: when bytes were
// read, when an ack was written, why Slack closes, and a close frame at the end.

// opener is the HTTP client of one socket: it lets one apps.connections.open
// through, for the library may not open a second socket, and prepares the dialer
// for the address that it brings.
type opener struct {
	bot    *Bot
	dialer *websocket.Dialer
	socket *socket
	spent  atomic.Bool
}

func (o *opener) Do(req *http.Request) (*http.Response, error) {
	if o.spent.Swap(true) {
		return nil, errSecondOpen
	}
	begin := time.Now()
	ctx, trip := withTrip(req.Context())
	resp, err := o.bot.http.Do(req.WithContext(ctx))
	if err != nil {
		o.bot.cfg.Observer.call(methodOpen, classify(methodOpen, err, trip), time.Since(begin))
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	address, said := readOpened(resp.StatusCode, body, err, trip)
	o.bot.cfg.Observer.call(methodOpen, said, time.Since(begin))
	o.prepare(address)
	return resp, err
}

// readOpened reads what the library reads too and keeps to itself.
func readOpened(status int, body []byte, broken error, trip *trip) (address string, err error) {
	var answer struct {
		OK    bool   `json:"ok"`
		Error string `json:"error"`
		URL   string `json:"url"`
	}
	switch {
	case status == http.StatusTooManyRequests:
		return "", &RateLimitedError{Method: methodOpen, After: trip.retryAfter()}
	case broken != nil, status != http.StatusOK, json.Unmarshal(body, &answer) != nil:
		return "", &APIError{Method: methodOpen, kind: ErrUnavailable}
	case answer.OK:
		return answer.URL, nil
	case limitedWords[answer.Error]:
		return "", &RateLimitedError{Method: methodOpen, After: trip.retryAfter()}
	}
	return "", &APIError{Method: methodOpen, Code: answer.Error, kind: kindOf(answer.Error)}
}

// prepare lets the dialer see what is inside TLS, where no proxy stands
// between: through one the library dials in its own way.
func (o *opener) prepare(address string) {
	to, err := url.Parse(address)
	if err != nil {
		return
	}
	secure := to.Scheme == "wss"
	to.Scheme = "http"
	if secure {
		to.Scheme = "https"
	}
	proxy, err := o.dialer.Proxy(&http.Request{URL: to})
	switch {
	case err != nil || proxy != nil:
	case secure:
		o.dialer.NetDialTLSContext = o.socket.dialTLS
	default:
		o.dialer.NetDialContext = o.socket.dialPlain
	}
}

// dialFunc makes a TCP connection, as a net.Dialer does.
type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

func (s *socket) dialTapped(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := s.bot.dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &tappedConn{Conn: conn, read: func() { s.lastRead.set(s.bot.now()) }}, nil
}

func (s *socket) dialPlain(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := s.dialTapped(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return s.framed(conn), nil
}

func (s *socket) dialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := s.dialTapped(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		conn.Close()
		return nil, err
	}
	secure := tls.Client(conn, s.bot.tlsConfig(host))
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return s.framed(secure), nil
}

// tlsConfig is what the Web API's connections have, for a WebSocket.
func (b *Bot) tlsConfig(host string) *tls.Config {
	cfg := &tls.Config{}
	if t, ok := b.http.Transport.(tripper); ok && t.TLSClientConfig != nil {
		cfg = t.TLSClientConfig.Clone()
	}
	cfg.ServerName, cfg.NextProtos = host, []string{"http/1.1"}
	return cfg
}

func (s *socket) framed(conn net.Conn) *framedConn {
	framed := &framedConn{Conn: conn}
	s.wire.Store(framed)
	return framed
}

// tappedConn notes when bytes were read. It stands below TLS and the
// WebSocket, so pings count, and a proxy that keeps an end alive doesn't.
type tappedConn struct {
	net.Conn
	read func()
}

func (c *tappedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.read()
	}
	return n, err
}

// framedConn stands between the WebSocket and TLS. It remembers the last that
// Slack said, and can put a frame of its own between two of the library's: each
// of those is one Write.
type framedConn struct {
	net.Conn

	writing sync.Mutex
	reading sync.Mutex
	tail    []byte
}

// tailLength has room for a disconnect message and the close frame behind it.
const tailLength = 1024

func (c *framedConn) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.Conn.Write(p)
}

func (c *framedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.reading.Lock()
		c.tail = append(c.tail, p[max(0, n-tailLength):n]...)
		c.tail = append(c.tail[:0], c.tail[max(0, len(c.tail)-tailLength):]...)
		c.reading.Unlock()
	}
	return n, err
}

// disconnectWords are the reasons that Slack documents. Others are not shown:
// what looks like one may be somebody's text.
var disconnectWords = regexp.MustCompile(`"reason"\s*:\s*"(warning|refresh_requested|too_many_websockets|link_disabled)"`)

// reason is Slack's word for closing, empty where it gave none.
func (c *framedConn) reason() string {
	c.reading.Lock()
	defer c.reading.Unlock()
	if !bytes.Contains(c.tail, []byte(`"disconnect"`)) {
		return ""
	}
	if found := disconnectWords.FindSubmatch(c.tail); found != nil {
		return string(found[1])
	}
	return ""
}

// goodbyeWithin bounds the writing of a close frame, and the wait for Slack's.
const goodbyeWithin = time.Second

// goodbye sends a close frame: 1000, the work is done. A client's frames are
// masked (RFC 6455, 5.3).
func (c *framedConn) goodbye() error {
	frame := []byte{0x80 | websocket.CloseMessage, 0x80 | 2}
	mask := make([]byte, 4)
	rand.Read(mask) //nolint:errcheck // it never fails
	frame = append(frame, mask...)
	for i, octet := range binary.BigEndian.AppendUint16(nil, websocket.CloseNormalClosure) {
		frame = append(frame, octet^mask[i])
	}
	if err := c.SetWriteDeadline(time.Now().Add(goodbyeWithin)); err != nil {
		return err
	}
	_, err := c.Write(frame)
	return err
}

// ackBuffer is the library's write buffer. It is given back after each message
// was written, and acks are the only messages: so this is how an ack's being
// written is noticed.
type ackBuffer struct {
	mu     sync.Mutex
	buffer any
	wrote  func()
}

func (b *ackBuffer) Get() any {
	b.mu.Lock()
	defer b.mu.Unlock()
	buffer := b.buffer
	b.buffer = nil
	return buffer
}

func (b *ackBuffer) Put(buffer any) {
	b.mu.Lock()
	b.buffer = buffer
	b.mu.Unlock()
	b.wrote()
}
