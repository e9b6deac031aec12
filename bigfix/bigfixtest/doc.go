// Package bigfixtest simulates a BigFix Inventory or License Metric Tool server.
package bigfixtest
