// Package bigfix asks BigFix Inventory and License Metric Tool servers about
// their data imports, and starts imports.
package bigfix
