//! Plans that mean nothing, and the one line that says so. What this file
//! alone can catch: an ill-typed plan that passes, and an error that does not
//! say where, what, and what was expected.

mod plan_random;

use clusterd_fuzz::plan::parse;
use plan_random::Draw;

/// Over u1000(bigint, bigint), u1001 with one nullable column of each of
/// bigint, text, boolean, integer, smallint, double precision, date,
/// mz_timestamp and bytea, and s7(bigint, text?) with the key #0.
const BAD: &[(&str, &str)] = &[
    (
        "Get u9999\n",
        "parse error at 1:4: invalid LocalId: `u9999` is neither imported, nor built before, nor a cte",
    ),
    ("Get l0\n", "Cannot fix type of unbound CTE l0"),
    (
        "Get x\n",
        "parse error at 1:4: invalid LocalId: `x` is neither imported, nor built before, nor a cte",
    ),
    (
        "Get\n",
        "parse error at 2:0: unexpected end of input, expected an identifier",
    ),
    (
        "",
        "parse error at 1:0: unexpected end of input, expected an operator",
    ),
    ("Foo\n", "parse error at 1:0: `Foo` is no operator"),
    (
        "Project (#2)\n  Get u1000\n",
        "type error at 1:0: Project (#2): column #2 is out of range, the input has 2 columns",
    ),
    (
        "Map (#2)\n  Get u1000\n",
        "type error at 1:0: Map (#2): column #2 is out of range, the input has 2 columns",
    ),
    (
        "Map ((#0 + #2))\n  Get u1000\n",
        "type error at 1:0: Map ((#0 + #2)): column #2 is out of range, the input has 2 columns",
    ),
    (
        "Map ((#0 + \"a\"))\n  Get u1000\n",
        "type error at 1:0: Map ((#0 + \"a\")): the right side of + is text, expected bigint",
    ),
    (
        "Map (not(#0))\n  Get u1000\n",
        "type error at 1:0: Map (not(#0)): the argument of not is bigint, expected boolean",
    ),
    (
        "Map (mz_now())\n  Get u1000\n",
        "type error at 1:0: Map (mz_now()): mz_now() may only stand in a comparison of a Filter",
    ),
    (
        "Map (mz_environment_id())\n  Get u1000\n",
        "type error at 1:0: Map (mz_environment_id()): mz_environment_id() cannot be evaluated by a replica",
    ),
    (
        "Map (case when #0 then 1 else 2 end)\n  Get u1000\n",
        "type error at 1:0: Map (case when #0 then 1 else 2 end): the condition of `case` is bigint, expected boolean",
    ),
    (
        "Map (case when true then 1 else \"x\" end)\n  Get u1000\n",
        "type error at 1:0: Map (case when true then 1 else \"x\" end): `else` is text, expected bigint",
    ),
    (
        "Map (coalesce())\n  Get u1000\n",
        "type error at 1:0: Map (coalesce()): coalesce needs at least one argument",
    ),
    (
        "Map (coalesce(#0, \"x\"))\n  Get u1000\n",
        "type error at 1:0: Map (coalesce(#0, \"x\")): argument 2 of coalesce is text, expected bigint",
    ),
    (
        "Map (frobnicate(#0))\n  Get u1000\n",
        "parse error at 1:5: unsupported function name `frobnicate`",
    ),
    (
        "Map (300::smallint, 40000::smallint)\n  Get u1000\n",
        "parse error at 1:35: 40000 is out of range for smallint",
    ),
    (
        "Map (null)\n  Get u1000\n",
        "parse error at 1:9: expected `::` and a type",
    ),
    (
        "Map (record_get[2](record_create[\"a\"](#0)))\n  Get u1000\n",
        "type error at 1:0: Map (record_get[2](record_create[\"a\"](#0))): record_get[2] of 1 fields",
    ),
    (
        "Map (list[1, \"x\"])\n  Get u1000\n",
        "type error at 1:0: Map (list[1, \"x\"]): argument 2 of list_create is text, expected bigint",
    ),
    (
        "Filter #0\n  Get u1000\n",
        "type error at 1:0: Filter #0: a predicate is bigint, expected boolean",
    ),
    (
        "Filter (#0 = \"x\")\n  Get u1000\n",
        "type error at 1:0: Filter (#0 = \"x\"): the right side of = is text, expected bigint",
    ),
    (
        "Filter (#3 = #4)\n  Get u1001\n",
        "type error at 1:0: Filter (#3 = #4): the right side of = is smallint, expected integer",
    ),
    (
        "Filter (#9 = 1)\n  Get u1001\n",
        "type error at 1:0: Filter (#9 = 1): column #9 is out of range, the input has 9 columns",
    ),
    (
        "Filter (mz_now() < #0)\n  Get u1001\n",
        "type error at 1:0: Filter (mz_now() < #0): the right side of < is bigint, expected mz_timestamp",
    ),
    (
        "Filter ((mz_now() < #7) OR #2)\n  Get u1001\n",
        "type error at 1:0: Filter ((mz_now() < #7) OR #2): mz_now() must be one whole side of =, <, <=, > or >=, found ((mz_now() < #7) OR #2)",
    ),
    (
        "Filter (mz_now() != #7)\n  Get u1001\n",
        "type error at 1:0: Filter (mz_now() != #7): mz_now() must be one whole side of =, <, <=, > or >=, found (mz_now() != #7)",
    ),
    (
        "FlatMap generate_series(#0, #1)\n  Get u1000\n",
        "type error at 1:0: FlatMap generate_series(#0, #1): generate_series has 2 arguments, expected 3",
    ),
    (
        "FlatMap generate_series(#0, #1, \"x\")\n  Get u1000\n",
        "type error at 1:0: FlatMap generate_series(#0, #1, \"x\"): argument 3 of generate_series is text, expected bigint",
    ),
    (
        "FlatMap frob(#0)\n  Get u1000\n",
        "parse error at 1:8: unsupported function name `frob`",
    ),
    (
        "FlatMap wrap2(#0, #1, #0)\n  Get u1000\n",
        "type error at 1:0: FlatMap wrap2(#0, #1, #0): wrap2 cannot cut 3 arguments into rows",
    ),
    (
        "FlatMap unnest_list(#0)\n  Get u1000\n",
        "type error at 1:0: FlatMap unnest_list(#0): argument 1 of unnest_list is bigint, expected list(bigint)",
    ),
    (
        "Reduce group_by=[#2] aggregates=[count(*)]\n  Get u1000\n",
        "type error at 1:0: Reduce group_by=[#2] aggregates=[count(*)]: column #2 is out of range, the input has 2 columns",
    ),
    (
        "Reduce aggregates=[sum(#1)]\n  Get u1001\n",
        "type error at 1:0: Reduce aggregates=[sum(#1)]: the argument of sum_int64 is text, expected bigint",
    ),
    (
        "Reduce aggregates=[any(#0)]\n  Get u1000\n",
        "type error at 1:0: Reduce aggregates=[any(#0)]: the argument of any is bigint, expected boolean",
    ),
    (
        "Reduce aggregates=[string_agg(#1)]\n  Get u1001\n",
        "type error at 1:0: Reduce aggregates=[string_agg(#1)]: the argument of string_agg is text, expected a record",
    ),
    (
        "Reduce aggregates=[median(#1)]\n  Get u1001\n",
        "parse error at 1:19: unsupported function name `median`",
    ),
    (
        "Reduce group_by=[#0]\n  Get u1000\n",
        "parse error at 2:2: expected `aggregates=`",
    ),
    (
        "Distinct project=[#5]\n  Get u1000\n",
        "type error at 1:0: Distinct project=[#5]: column #5 is out of range, the input has 2 columns",
    ),
    (
        "TopK group_by=[#4]\n  Get u1000\n",
        "type error at 1:0: TopK group_by=[#4]: column #4 is out of range, the input has 2 columns",
    ),
    (
        "TopK order_by=[#2 asc]\n  Get u1000\n",
        "type error at 1:0: TopK order_by=[#2 asc nulls_last]: column #2 is out of range, the input has 2 columns",
    ),
    (
        "TopK limit=\"x\"\n  Get u1000\n",
        "type error at 1:0: TopK limit=\"x\": the limit is text, expected bigint",
    ),
    (
        "TopK limit=#0\n  Get u1000\n",
        "type error at 1:0: TopK limit=#0: the limit uses #0, which is not in the group key",
    ),
    (
        "TopK offset=-1\n  Get u1000\n",
        "parse error at 1:12: unexpected `-`, expected an integer",
    ),
    (
        "ArrangeBy keys=[[#2]]\n  Get u1000\n",
        "type error at 1:0: ArrangeBy keys=[[#2]]: column #2 is out of range, the input has 2 columns",
    ),
    (
        "ArrangeBy keys=[#0]\n  Get u1000\n",
        "parse error at 1:16: unexpected `#`, expected `[`",
    ),
    (
        "Union\n  Get u1000\n  Get u1001\n",
        "type error at 1:0: Union: input 1 has 9 columns, input 0 has 2",
    ),
    (
        "Union\n  Get u1000\n  Get s7\n",
        "type error at 1:0: Union: column #1 of input 1 is text, of input 0 bigint",
    ),
    ("Union\n", "parse error at 2:0: child expected at column 2"),
    (
        "Join on=(#0 = #4)\n  Get u1000\n  Get u1000\n",
        "type error at 1:0: Join on=(#0 = #4): column #4 is out of range, the input has 4 columns",
    ),
    (
        "Join on=(#0 = #3)\n  Get u1000\n  Get s7\n",
        "type error at 1:0: Join on=(#0 = #3): a member of a class is text, expected bigint",
    ),
    (
        "Join on=(#0 = #2) impl=linear(0 [#0], 2 [#0])\n  Get u1000\n  Get u1000\n",
        "type error at 1:0: Join on=(#0 = #2) impl=linear(0 [#0], 2 [#0]): input 2 is out of range, there are 2",
    ),
    (
        "Join on=(#0 = #2) impl=linear(0 [#0], 1 [#3])\n  Get u1000\n  Get u1000\n",
        "type error at 1:0: Join on=(#0 = #2) impl=linear(0 [#0], 1 [#3]): column #3 is out of range, the input has 2 columns",
    ),
    (
        "Join on=(#0 = #2) impl=linear(0 [#0])\n  Get u1000\n  Get u1000\n",
        "type error at 1:0: Join on=(#0 = #2) impl=linear(0 [#0]): the order from input 0 does not visit each of 2 inputs once",
    ),
    (
        "Join on=(#0 = #2) impl=delta((1 [#0]))\n  Get u1000\n  Get u1000\n",
        "type error at 1:0: Join on=(#0 = #2) impl=delta((1 [#0])): a delta join has 1 orders for 2 inputs",
    ),
    (
        "Join on=(#0 = #2) impl=delta((1 [#0]), (1 [#0]))\n  Get u1000\n  Get u1000\n",
        "type error at 1:0: Join on=(#0 = #2) impl=delta((1 [#0]), (1 [#0])): the order from input 1 does not visit each of 2 inputs once",
    ),
    (
        "Constant // { types: \"(bigint)\" }\n  - (1, 2)\n",
        "type error at 1:0: Constant // { types: \"(bigint)\" }: row 0 has 2 values, its type has 1 columns",
    ),
    (
        "Constant // { types: \"(bigint)\" }\n  - (\"x\")\n",
        "type error at 1:0: Constant // { types: \"(bigint)\" }: column #0 of row 0 is no bigint",
    ),
    (
        "Constant // { types: \"(bigint)\" }\n  - (null)\n",
        "type error at 1:0: Constant // { types: \"(bigint)\" }: column #0 of row 0 is null, but its type is not nullable",
    ),
    (
        "Constant // { types: \"(frob)\" }\n  - (1)\n",
        "parse error at 1:21: unknown type `frob`",
    ),
    (
        "Constant\n  - (1)\n",
        "parse error at 2:2: Missing expected `types` analyses for Constant line",
    ),
    (
        "With\n  cte l0 =\n    Get l1\n  cte l1 =\n    Get u1000\nReturn\n  Get l0\n",
        "Cannot fix type of unbound CTE l1",
    ),
    (
        "With\n  cte l0 =\n    Get l0\nReturn\n  Get l0\n",
        "Cannot fix type of unbound CTE l0",
    ),
    (
        "With\n  cte l1 =\n    Get u1000\n  cte l0 =\n    Get u1000\nReturn\n  Get l0\n",
        "parse error at 8:0: Error parsing Let/LetRec: seen With before Return, but cte ids are not ordered ascending: [1, 0]",
    ),
    (
        "With\n  cte l0 =\n    Get u1000\n  cte l0 =\n    Get u1000\nReturn\n  Get l0\n",
        "type error at 4:2: With: l0 is bound twice in one plan",
    ),
    (
        "With\n  cte l0 =\n    Get u1000\nReturn\n  Project (#2)\n    Get l0\n",
        "type error at 5:2: Project (#2): column #2 is out of range, the input has 2 columns",
    ),
    (
        "With\n  cte l0 =\n    Get u1000\n  cte l1 =\n    Filter #0\n      Get l0\nReturn\n  Get l1\n",
        "type error at 5:4: Filter #0: a predicate is bigint, expected boolean",
    ),
    (
        "Return\n  Project (#2)\n    Get l1\nWith\n  cte l1 =\n    Get l0\n  cte l0 =\n    Get u1000\n",
        "type error at 2:2: Project (#2): column #2 is out of range, the input has 2 columns",
    ),
    (
        "Return\n  Get l1\nWith\n  cte l1 =\n    Get l0\n  cte l0 =\n    Negate\n      Project (#7)\n        Get u1000\n",
        "type error at 8:6: Project (#7): column #7 is out of range, the input has 2 columns",
    ),
    (
        "With Mutually Recursive\n  cte l0 =\n    Get u1000\nReturn\n  Get l0\n",
        "parse error at 3:4: `let l0` needs a `types` analyses",
    ),
    (
        "With Mutually Recursive\n  cte l0 = // { types: \"(text, bigint)\" }\n    Get u1000\nReturn\n  Get l0\n",
        "type error at 1:0: With Mutually Recursive: l0: column #0 is bigint, expected text",
    ),
    (
        "With Mutually Recursive\n  cte l0 = // { types: \"(bigint)\" }\n    Get u1000\nReturn\n  Get l0\n",
        "type error at 1:0: With Mutually Recursive: l0: it has 2 columns, expected 1",
    ),
    (
        "With Mutually Recursive\n  cte l0 = // { types: \"(bigint, text)\" }\n    Get s7\nReturn\n  Get l0\n",
        "type error at 1:0: With Mutually Recursive: l0: column #1 may be null, expected it not to be",
    ),
    (
        "Negate\n Get u1000\n",
        "parse error at 2:1: child expected at column 2",
    ),
    ("Negate\n", "parse error at 2:0: child expected at column 2"),
    (
        "Negate\n  Get u1000\n  Get u1000\n",
        "parse error at 3:2: unexpected token",
    ),
    (
        "Map (1 +\n  Get u1000\n",
        "parse error at 2:2: the operator has no right side on its line",
    ),
    (
        "Map (1 2)\n  Get u1000\n",
        "parse error at 1:7: unexpected `2`, expected `)`",
    ),
    (
        "Filter \"a\n  Get u1000\n",
        "parse error at 3:0: unterminated string",
    ),
    (
        "Union\n  Get u1000\n  Threshold\n    Map ((#0 + 1.5))\n      Get u1000\n",
        "type error at 4:4: Map ((#0 + 1.5)): the right side of + is double precision, expected bigint",
    ),
    (
        r#"Reduce aggregates=[rank[order_by=[#0 asc nulls_last]](record_create["p", "k"](record_create["a"](#0), #1))]
  Get u1000
"#,
        r#"type error at 1:0: Reduce aggregates=[rank[order_by=[#0 asc nulls_last]](record_create["p", "k"](record_create["a"](#0), #1))]: the item of rank is record(bigint), expected a list of the row"#,
    ),
    (
        r#"Reduce aggregates=[rank[order_by=[#0 asc nulls_last]](record_create["p"](list[#0]))]
  Get u1000
"#,
        r#"type error at 1:0: Reduce aggregates=[rank[order_by=[#0 asc nulls_last]](record_create["p"](list[#0]))]: the argument of rank has 0 keys, its order 1"#,
    ),
    (
        r#"Reduce aggregates=[rank[order_by=[]](#0)]
  Get u1000
"#,
        r#"type error at 1:0: Reduce aggregates=[rank[order_by=[]](#0)]: the argument of rank is bigint, expected a record"#,
    ),
    (
        r#"Reduce aggregates=[rank[order_by=[#1 asc nulls_last]](record_create["p", "k"](list[#0], #1))]
  Get u1000
"#,
        r#"type error at 1:0: Reduce aggregates=[rank[order_by=[#1 asc nulls_last]](record_create["p", "k"](list[#0], #1))]: rank orders by key 1, its argument has 1 keys"#,
    ),
    (
        r#"Reduce aggregates=[row_number[order_by=[]](distinct record_create["p"](list[#0]))]
  Get u1000
"#,
        r#"type error at 1:0: Reduce aggregates=[row_number[order_by=[]](distinct record_create["p"](list[#0]))]: row_number takes every row, expected no `distinct`"#,
    ),
    (
        r#"Reduce aggregates=[first_value[order_by=[]](record_create["p"](list[#0]))]
  Get u1000
"#,
        r#"type error at 1:0: Reduce aggregates=[first_value[order_by=[]](record_create["p"](list[#0]))]: the item of first_value is list(bigint), expected a record of the row and the arguments"#,
    ),
    (
        r#"Reduce aggregates=[lag[order_by=[]](record_create["p"](record_create["r", "a"](record_create["a"](#0), #1)))]
  Get u1000
"#,
        r#"type error at 1:0: Reduce aggregates=[lag[order_by=[]](record_create["p"](record_create["r", "a"](record_create["a"](#0), #1)))]: the item of lag is bigint, expected a record of a value, an offset and a default"#,
    ),
    (
        r#"Reduce aggregates=[lag[order_by=[]](record_create["p"](record_create["r", "a"](record_create["a"](#0), record_create["v", "o", "d"](#1, 1, null::bigint))))]
  Get u1000
"#,
        r#"type error at 1:0: Reduce aggregates=[lag[order_by=[]](record_create["p"](record_create["r", "a"](record_create["a"](#0), record_create["v"…: the offset of lag is bigint, expected integer"#,
    ),
    (
        r#"Reduce aggregates=[lead[ignore_nulls=true, order_by=[]](record_create["p"](record_create["r", "a"](record_create["a"](#0), record_create["v", "o", "d"](#1, 0::integer, null::bigint))))]
  Get u1000
"#,
        r#"type error at 1:0: Reduce aggregates=[lead[ignore_nulls=true, order_by=[]](record_create["p"](record_create["r", "a"](record_create["a"](#0…: where nulls are ignored, the offset of lead is expected to be a literal other than 0"#,
    ),
    (
        r#"Reduce aggregates=[last_value[order_by=[] groups between 1 preceding and current row](record_create["p"](record_create["r", "a"](record_create["a"](#0), #1)))]
  Get u1000
"#,
        r#"type error at 1:0: Reduce aggregates=[last_value[order_by=[] groups between 1 preceding and current row](record_create["p"](record_create["…: the frame of last_value is `groups between 1 preceding and current row`, which upstream refuses"#,
    ),
    (
        r#"Reduce aggregates=[last_value[order_by=[] range between 1 preceding and current row](record_create["p"](record_create["r", "a"](record_create["a"](#0), #1)))]
  Get u1000
"#,
        r#"type error at 1:0: Reduce aggregates=[last_value[order_by=[] range between 1 preceding and current row](record_create["p"](record_create["r…: the frame of last_value is `range between 1 preceding and current row`, expected `unbounded preceding` to `current row` of a range"#,
    ),
    (
        r#"Reduce aggregates=[last_value[order_by=[] rows between current row and 1 preceding](record_create["p"](record_create["r", "a"](record_create["a"](#0), #1)))]
  Get u1000
"#,
        r#"type error at 1:0: Reduce aggregates=[last_value[order_by=[] rows between current row and 1 preceding](record_create["p"](record_create["r"…: the frame of last_value is `rows between current row and 1 preceding`, which ends before it starts"#,
    ),
    (
        r#"Reduce aggregates=[last_value[order_by=[] rows between 1000001 preceding and current row](record_create["p"](record_create["r", "a"](record_create["a"](#0), #1)))]
  Get u1000
"#,
        r#"type error at 1:0: Reduce aggregates=[last_value[order_by=[] rows between 1000001 preceding and current row](record_create["p"](record_crea…: the frame of last_value is `rows between 1000001 preceding and current row`, which reaches further than 1000000 rows"#,
    ),
    (
        r#"Reduce aggregates=[window_agg[sum order_by=[] rows between unbounded preceding and 1 following](record_create["p"](record_create["r", "a"](record_create["a"](#0), #1)))]
  Get u1000
"#,
        r#"type error at 1:0: Reduce aggregates=[window_agg[sum order_by=[] rows between unbounded preceding and 1 following](record_create["p"](recor…: the frame of window_agg is `rows between unbounded preceding and 1 following`, which upstream refuses for aggregates"#,
    ),
    (
        r#"Reduce aggregates=[window_agg[sum_float64 order_by=[]](record_create["p"](record_create["r", "a"](record_create["a"](#0), #1)))]
  Get u1000
"#,
        r#"type error at 1:0: Reduce aggregates=[window_agg[sum_float64 order_by=[]](record_create["p"](record_create["r", "a"](record_create["a"](#0)…: window_agg cannot wrap sum_float64"#,
    ),
    (
        r#"Reduce aggregates=[window_agg[string_agg order_by=[]](record_create["p"](record_create["r", "a"](record_create["a"](#0), #1)))]
  Get u1000
"#,
        r#"type error at 1:0: Reduce aggregates=[window_agg[string_agg order_by=[]](record_create["p"](record_create["r", "a"](record_create["a"](#0),…: window_agg cannot wrap string_agg"#,
    ),
    (
        r#"Reduce aggregates=[window_agg[max_string order_by=[]](record_create["p"](record_create["r", "a"](record_create["a"](#0), #1)))]
  Get u1000
"#,
        r#"type error at 1:0: Reduce aggregates=[window_agg[max_string order_by=[]](record_create["p"](record_create["r", "a"](record_create["a"](#0),…: the argument of max_string in window_agg is bigint, expected text"#,
    ),
    (
        r#"Reduce aggregates=[fused_value_window_func[rank[order_by=[]] order_by=[]](record_create["p"](record_create["r", "a"](record_create["a"](#0), record_create["x"](#1))))]
  Get u1000
"#,
        r#"type error at 1:0: Reduce aggregates=[fused_value_window_func[rank[order_by=[]] order_by=[]](record_create["p"](record_create["r", "a"](rec…: fused_value_window_func cannot hold rank"#,
    ),
    (
        r#"Reduce aggregates=[fused_value_window_func[last_value[order_by=[]] order_by=[#0 asc nulls_last]](record_create["p", "k"](record_create["r", "a"](record_create["a"](#0), record_create["x"](#1)), #1))]
  Get u1000
"#,
        r#"type error at 1:0: Reduce aggregates=[fused_value_window_func[last_value[order_by=[]] order_by=[#0 asc nulls_last]](record_create["p", "k"]…: fused_value_window_func holds functions of another order"#,
    ),
    (
        r#"Reduce aggregates=[fused_window_agg[sum, count order_by=[]](record_create["p"](record_create["r", "a"](record_create["a"](#0), record_create["x"](#1))))]
  Get u1000
"#,
        r#"type error at 1:0: Reduce aggregates=[fused_window_agg[sum, count order_by=[]](record_create["p"](record_create["r", "a"](record_create["a"…: the item of fused_window_agg is record(bigint), expected a record of the arguments of 2 functions"#,
    ),
    (
        "Reduce aggregates=[window_agg[sum, count order_by=[]](#0)]\n  Get u1000\n",
        "parse error at 1:53: expected one aggregate in `window_agg[…]`",
    ),
    (
        "Reduce aggregates=[rank[order_by=[] rows between 1 preceding and current row](#0)]\n  Get u1000\n",
        "parse error at 1:36: unexpected `rows`, expected `]`",
    ),
    (
        "Reduce aggregates=[last_value[order_by=[] all](#0)]\n  Get u1000\n",
        "parse error at 1:42: expected one of: `rows`, `range`, `groups`, `]`",
    ),
    (
        "Reduce aggregates=[lag[#0 asc](#0)]\n  Get u1000\n",
        "parse error at 1:23: expected `order_by=`",
    ),
];

#[test]
fn bad_plans_are_refused_with_a_line_that_says_where_and_why() {
    let globals = Draw::new(&[]).globals;
    let mut wrong = Vec::new();
    for (text, expected) in BAD {
        let found = match parse(text, &globals) {
            Ok((relation, _)) => format!("{relation:?}"),
            Err(error) => error.to_string(),
        };
        if found.trim_end() != *expected {
            wrong.push(format!("(\n{text:?},\n{:?},\n),", found.trim_end()));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
