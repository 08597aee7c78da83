// Package plugins runs selection policies that live in programs of their own, in
// any language: it starts such a program, keeps it honest, tells it who is in a
// pool, and gives the engine the ranks that come back. No selection waits for it.
//
// It is not what authors of plugins import: that is package sdk below it. It does
// not choose between a plugin and its fallback either; that is the engine's.
package plugins
