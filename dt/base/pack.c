#include "dt/base/pack.h"

#include <stdlib.h>
#include <zstd.h>

/* Fast: networks are. */
#define LEVEL 1
#define PIECE (128 * 1024)

struct pack {
	ZSTD_CCtx *ctx;
	char *piece;
	ZSTD_inBuffer in;
	bool ended, finished;
};

struct pack *pack_new(void)
{
	struct pack *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->ctx = ZSTD_createCCtx();
	p->piece = malloc(PIECE);
	if (!p->ctx || !p->piece) {
		pack_free(p);
		return NULL;
	}
	(void)ZSTD_CCtx_setParameter(p->ctx, ZSTD_c_compressionLevel, LEVEL);
	p->in.src = p->piece;
	return p;
}

void pack_free(struct pack *p)
{
	if (!p)
		return;
	(void)ZSTD_freeCCtx(p->ctx);
	free(p->piece);
	free(p);
}

size_t pack_read(struct pack *p, size_t (*source)(void *arg, char *room, size_t size), void *arg, char *room,
		 size_t size)
{
	ZSTD_outBuffer out = { room, size, 0 };

	while (out.pos < out.size && !p->finished) {
		size_t left;

		if (p->in.pos == p->in.size && !p->ended) {
			p->in.size = source(arg, p->piece, PIECE);
			p->in.pos = 0;
			p->ended = !p->in.size;
		}
		left = ZSTD_compressStream2(p->ctx, &out, &p->in, p->ended ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left)) /* out of memory: the stream is cut short, and the host says so */
			return 0;
		p->finished = p->ended && left == 0;
	}
	return out.pos;
}

int pack_bytes(struct pack *p, const char *data, size_t len, struct buf *out)
{
	size_t room = ZSTD_compressBound(len), packed;
	char *to = buf_reserve(out, room);

	packed = to ? ZSTD_compress2(p->ctx, to, room, data, len) : 0;
	if (!to || ZSTD_isError(packed))
		return -1;
	out->len += packed;
	out->data[out->len] = '\0';
	return 0;
}

/* What our own level makes stays far below it. */
#define WINDOW_LOG_MAX 23

struct unpack {
	ZSTD_DCtx *ctx;
	char *piece;
};

struct unpack *unpack_new(void)
{
	struct unpack *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->ctx = ZSTD_createDCtx();
	u->piece = malloc(PIECE);
	if (!u->ctx || !u->piece) {
		unpack_free(u);
		return NULL;
	}
	(void)ZSTD_DCtx_setParameter(u->ctx, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	return u;
}

void unpack_free(struct unpack *u)
{
	if (!u)
		return;
	(void)ZSTD_freeDCtx(u->ctx);
	free(u->piece);
	free(u);
}

int unpack_add(struct unpack *u, const char *data, size_t len, int (*sink)(void *arg, const char *data, size_t len),
	       void *arg, bool *malformed)
{
	ZSTD_inBuffer in = { data, len, 0 };
	ZSTD_outBuffer out;

	*malformed = false;
	do {
		out = (ZSTD_outBuffer){ u->piece, PIECE, 0 };
		*malformed = ZSTD_isError(ZSTD_decompressStream(u->ctx, &out, &in));
		if (*malformed || (out.pos && sink(arg, u->piece, out.pos) != 0))
			return -1;
	} while (in.pos < in.size || out.pos == out.size);
	return 0;
}

static int take(void *arg, const char *data, size_t len)
{
	return buf_add(arg, data, len);
}

int unpack_bytes(const void *data, size_t len, struct buf *out)
{
	/* a frame that is cut short unpacks to less, and nothing would say so */
	bool whole = ZSTD_findFrameCompressedSize(data, len) == len, malformed;
	struct unpack *u = whole ? unpack_new() : NULL;
	int r = u ? unpack_add(u, data, len, take, out, &malformed) : -1;

	unpack_free(u);
	return r;
}

bool pack_pays(const char *sample, size_t len)
{
	size_t room = ZSTD_compressBound(len), packed;
	char *out = malloc(room);

	if (!out)
		return false;
	packed = ZSTD_compress(out, room, sample, len, LEVEL);
	free(out);
	return !ZSTD_isError(packed) && packed < len - len / 4;
}
