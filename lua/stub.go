package lua

import _ "embed" // for Stub

// Stub is a file of type annotations (---@meta), with which editors that run the Lua
// language server complete and check policy files.
//
//go:embed rspool.lua
var Stub string
