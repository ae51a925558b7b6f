package redisstore

import "github.com/redis/go-redis/v9"

// The scripts find epochs as values.go writes them: nonce, last attempt, and marks,
// each an attempt and the millisecond it runs out, in columns of fixed width.
//
// own refuses to go on if the server is not the one that the keys are of: a
// connection may outlive the reign of its server.
const own = `
local info = redis.call('INFO', 'replication')
if not string.find(info, 'role:master', 1, true) or not string.find(info, 'master_replid:' .. ARGV[1], 1, true) then
	return redis.error_reply('GATEHOUSE this is another Redis than before')
end
`

const columns = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local nonce, attempt, life, kept = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local function others(value)
	local rest = ''
	for at = 53, #value, 39 do
		local mark = string.sub(value, at, at + 38)
		if string.sub(mark, 1, 26) ~= attempt and tonumber(string.sub(mark, 27)) > now then
			rest = rest .. mark
		end
	end
	return rest
end
local function renew(key, rest)
	redis.call('SET', KEYS[1], nonce, 'PX', kept) -- first: should the other fail, this harms nobody
	redis.call('SET', key, nonce .. rest, 'PX', kept)
end
`

var (
	// The first key of the first four is the version, and the others are epochs: whatever
	// begins one of those anew begins a version, too. Arguments of the first three:
	// incarnation, nonce, attempt, life of a mark and of an epoch in milliseconds.
	mark = redis.NewScript(own + columns + `
for n = 2, #KEYS do
	local value = redis.call('GET', KEYS[n]) or ''
	renew(KEYS[n], string.rep('-', 26) .. others(value) .. attempt .. string.format('%013d', now + life))
end
return 1`)

	bump = redis.NewScript(own + columns + `
for n = 2, #KEYS do
	renew(KEYS[n], attempt .. others(redis.call('GET', KEYS[n]) or ''))
end
return 1`)

	catch = redis.NewScript(own + columns + `
for n = 2, #KEYS do
	local value = redis.call('GET', KEYS[n]) or ''
	if attempt == string.rep('-', 26) or string.sub(value, 27, 52) ~= attempt then
		renew(KEYS[n], attempt .. others(value))
	end
end
return 1`)

	// Arguments: an epoch to begin with, its life in milliseconds, and a version to begin
	// with if there is none: what holds is still so when Redis had lost an epoch.
	begin = redis.NewScript(`
redis.call('SET', KEYS[1], ARGV[3], 'NX', 'PX', ARGV[2])
local values = {}
for n = 2, #KEYS do
	redis.call('SET', KEYS[n], ARGV[1], 'NX', 'PX', ARGV[2])
	values[n - 1] = redis.call('GET', KEYS[n])
end
return values`)

	// Arguments: incarnation, and the millisecond until which to lease. Replicas are
	// not told: they may lack the last bump, and pass on what they have once promoted.
	prove = redis.NewScript(own + `
if redis.call('EXISTS', KEYS[2]) == 0 then return 0 end
if redis.set_repl then redis.set_repl(redis.REPL_NONE) end
redis.call('SET', KEYS[1], '1', 'PXAT', ARGV[2])
return 1`)

	// Seconds and microseconds, by the clock of the server that has the key.
	clock = redis.NewScript(`local t = redis.call('TIME') return {tonumber(t[1]), tonumber(t[2])}`)

	// Arguments: incarnation, and the position.
	place = redis.NewScript(own + `redis.call('SET', KEYS[1], ARGV[2]) return 1`)

	// Arguments: who claims, and for how many milliseconds.
	claim = redis.NewScript(`
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return owner end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]`)
)
