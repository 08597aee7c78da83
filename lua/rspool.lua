---@meta rspool

-- Types of selection policies, for the Lua language server: it completes and checks
-- policy files with them. "rspool policy new --stub" writes this file; it takes effect
-- where it lies beside the policies, or in a folder that the server looks into for
-- libraries (Lua.workspace.library). Begin what a policy file returns with
--
--   ---@type rspool.Policy
--   return {
--
-- The functions of a policy get their arguments by the names of the parameters, in
-- any order, so the types below list what there is, not an order to keep. Where the
-- server complains about the parameters of a function, disable the diagnostic
-- `assign-type-mismatch` for the file.

---What an element registered, and what the registrar counted. The functions `key`
---and `weight` may have any of these as parameters, and the tags in `inputs`.
---@class rspool.Element
---@field id string eight hex digits with 0x
---@field load number registered load, 0 to 1
---@field degradation number load that one more selection adds, 0 to 1
---@field weight number registered weight, 1 where the element's wire policy has none
---@field priority number registered priority
---@field distance number milliseconds
---@field weight_dpf number share of the weight lost with each millisecond of distance
---@field load_dpf number load added with each millisecond of distance
---@field address string first registered address, without port
---@field addresses string[] all registered addresses
---@field transport "sctp"|"tcp"|"udp"|"udp-lite"|"dccp"|"opaque"
---@field tags table<string, string|number|boolean> what the element and the configuration say about it
---@field selections integer times marked since the last registration or re-registration
---@field selections_total integer times marked since the first registration
---@field failures integer failures since the first registration
---@field last_failure number Unix seconds of the last failure, 0 where there was none
---@field pool_size integer number of elements in the pool
---@field pool_load number arithmetic mean of the loads in the pool
---@field now number Unix seconds
---@field since_selected number seconds since the element was last marked, or since its registration
---@field hour integer 0 to 23 in the policy's timezone
---@field minute integer 0 to 59
---@field weekday integer 1 for Monday to 7 for Sunday
---@field data table the script's own table for the element; it survives re-registrations
---@field [string] any a tag named in `inputs`

---@class rspool.Request
---@field handle string pool handle
---@field user_address string address of the pool user without port, "" where it is not known
---@field items integer number of elements asked for
---@field attributes table<string, string> what the user or the configuration says about the request

---@alias rspool.Reason "unreachable"|"keepalive"|"association"|"expired"

---@class rspool.Ring
---@field points? integer points of an element of average weight on the ring; 100

---An element of a test case: what is not stated has its default.
---@class rspool.TestElement
---@field id? string
---@field load? number
---@field degradation? number
---@field weight? integer
---@field priority? integer
---@field distance? integer
---@field weight_dpf? number
---@field load_dpf? number
---@field address? string
---@field transport? string
---@field selections? integer
---@field failures? integer
---@field last_failure? number
---@field tags? table<string, string|number|boolean>

---@class rspool.TestRequest
---@field handle? string
---@field user_address? string
---@field items? integer
---@field attributes? table<string, string>

---@class rspool.Test
---@field name? string
---@field elements rspool.TestElement[]|table<string, rspool.TestElement>
---@field expect? string|string[] the answer to one request
---@field order? string[] the same
---@field share? table<string, number[]> bounds of the share of selections that an element gets
---@field never? string|string[] who must not be selected
---@field picks? integer selections for share and never; 1000
---@field at? string time of the case, as in "2026-01-05T21:00:00Z"
---@field after? string how long the pool lives before the request, as in "30s"
---@field fail? { [1]: string, [2]: rspool.Reason? }[] failures before the request
---@field config? table instead of the configuration's block
---@field request? rspool.TestRequest
---@field error? string part of the fault that is expected

---A selection policy has exactly one of key, weight, affinity and select; affinity
---may have weight beside it.
---@class rspool.Policy
---@field api? 1
---@field key? fun(...): number what an element is worth: the smallest goes first
---@field weight? fun(...): number the share of draws that an element gets
---@field affinity? fun(...): string|number what a request is hashed by; of user_address, handle, request
---@field select? fun(...): (rspool.Element|string)[] the chosen elements of a small pool; of pool, n, request, user_address, handle
---@field sample? integer with key: the best of so many different random elements
---@field ring? rspool.Ring with affinity
---@field filter? fun(...): boolean whether an element may serve a request; of pe, request, user_address, handle and all that key may have
---@field max_scan? integer with filter: elements asked about at most; 64
---@field max_elements? integer with select: larger pools go to the fallback; 256
---@field mark? integer|"all" how many leading elements of an answer count as selected; 1
---@field inputs? string[] tags that functions may have as parameters
---@field every? string period of on_tick and of the inputs now and since_selected, as in "30s"
---@field on_register? fun(pe: rspool.Element) after a registration or re-registration
---@field on_select? fun(pe: rspool.Element) after each selection that is marked
---@field on_failure? fun(pe: rspool.Element, reason: rspool.Reason) after a failure
---@field on_deregister? fun(pe: rspool.Element) after the element left
---@field on_tick? fun(pool: rspool.Element[]) each period of every
---@field on_upgrade? fun(old: table<string, table>): table<string, table>? after a reload, with the data of the version before; what it returns becomes the data
---@field tests? rspool.Test[]

---The configuration's block `config`.
---@type table<string, any>
config = {}

---Lines for the registrar's log. At most ten a second are written.
---@class rspool.log
log = {}

---@param text any
function log.debug(text) end

---@param text any
function log.info(text) end

---@param text any
function log.warn(text) end

---@param text any
function log.error(text) end

---A number from 0 up to but not including 1 for a string, spread evenly, the same on
---every machine.
---@param text string
---@return number
function hash(text) end

---Like math.random: in [0, 1), from 1 to m, or from m to n. Each pool has its own
---sequence.
---@param m? integer
---@param n? integer
---@return number
function random(m, n) end
