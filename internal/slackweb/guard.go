package slackweb

import (
	"net"
	"net/http"
	"strings"
)

// policy lets the page load its own files and talk to its own server, and nothing else: what an app sends can't become a request or a
// script. Nor can it become markup: where the browser knows trusted types, whatever in the page would make elements of a text fails.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

const anotherSite = "This was asked by another site."

// guard lets in this page alone. Who else on this machine's browser asks, is turned away: another site by its origin, and one that
// gave its own name our address (DNS rebinding) by the name.
func guard(next http.Handler) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		switch {
		case !isLoopback(r.Host):
			refuse(w, &refusal{http.StatusForbidden, "This page is served under the name of this machine itself alone, as localhost is."})
		case crossOrigin.Check(r) != nil, isForeign(r):
			refuse(w, &refusal{http.StatusForbidden, anotherSite})
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// isLoopback reports whether a Host header names this machine and nothing that a DNS server could answer for.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// isForeign reports whether another site asks for what people see. The page itself may be linked to from anywhere.
func isForeign(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return strings.HasPrefix(r.URL.Path, "/api/") && site != "" && site != "same-origin" && site != "none"
}
