/* SPDX-License-Identifier: GPL-2.0 */
/* Tracepoints: one where a request comes in, one where it ends. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM qcow

#if !defined(QCOW_BLOCK_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define QCOW_BLOCK_TRACE_H

#include <linux/blk-mq.h>
#include <linux/tracepoint.h>

TRACE_EVENT(qcow_request_start,
	TP_PROTO(unsigned int number, struct request *rq),
	TP_ARGS(number, rq),
	TP_STRUCT__entry(
		__field(unsigned int, number)
		__field(unsigned int, op)
		__field(int, tag)
		__field(u64, sector)
		__field(u32, bytes)
	),
	TP_fast_assign(
		__entry->number = number;
		__entry->op = (__force unsigned int)req_op(rq);
		__entry->tag = rq->tag;
		__entry->sector = blk_rq_pos(rq);
		__entry->bytes = blk_rq_bytes(rq);
	),
	TP_printk("qcow%u tag=%d op=%u sector=%llu bytes=%u", __entry->number,
		  __entry->tag, __entry->op, __entry->sector, __entry->bytes)
);

TRACE_EVENT(qcow_request_end,
	TP_PROTO(unsigned int number, struct request *rq, int error),
	TP_ARGS(number, rq, error),
	TP_STRUCT__entry(
		__field(unsigned int, number)
		__field(int, tag)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->number = number;
		__entry->tag = rq->tag;
		__entry->error = error;
	),
	TP_printk("qcow%u tag=%d error=%d", __entry->number, __entry->tag,
		  __entry->error)
);

#endif /* QCOW_BLOCK_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
