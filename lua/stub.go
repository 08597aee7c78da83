package lua

import _ "embed" // for Stub

// Stub is a file of type annotations (---@meta), with which editors that run the Lua
// language server complete and check policy files.
//
// It begins with StubMark, which tells it from policies.
//
//go:embed rspool.lua
var Stub string

// StubMark is how a file of types begins.
const StubMark = "---@meta"
