(* The numbers of src/arith/coefficients.rs that exp and ln are made of, exactly, as pairs (m, e) for m 2^e. *)
Require Import ZArith List.
Import ListNotations.
Open Scope Z_scope.

Record table (X : Type) := {
  LOG2_E : X; LN2_HI : X; LN2_LO : X; EXP_OVERFLOW : X; EXP_UNDERFLOW : X; SHIFT : X; EXP_TAIL : list X; LN_TAIL : list X }.
Arguments LOG2_E {X}. Arguments LN2_HI {X}. Arguments LN2_LO {X}. Arguments EXP_OVERFLOW {X}.
Arguments EXP_UNDERFLOW {X}. Arguments SHIFT {X}. Arguments EXP_TAIL {X}. Arguments LN_TAIL {X}.

(* The same numbers in an arithmetic. *)
Definition convert {X Y} (f : X -> Y) (t : table X) : table Y := {|
  LOG2_E := f (LOG2_E t); LN2_HI := f (LN2_HI t); LN2_LO := f (LN2_LO t); EXP_OVERFLOW := f (EXP_OVERFLOW t);
  EXP_UNDERFLOW := f (EXP_UNDERFLOW t); SHIFT := f (SHIFT t); EXP_TAIL := map f (EXP_TAIL t); LN_TAIL := map f (LN_TAIL t) |}.

(* Below: what translate.py makes of src/arith. *)
Definition table64 : table (Z * Z) := {|
  LOG2_E := (3248660424278399, -51);
  LN2_HI := (6243314768165359, -53);
  LN2_LO := (7525737178955839, -108);
  EXP_OVERFLOW := (355, 1);
  EXP_UNDERFLOW := (-373, 1);
  SHIFT := (3, 51);
  EXP_TAIL :=
    [(6004799503160667, -55);
     (3002399751580333, -56);
     (4803839602519039, -59);
     (100079991719173, -56);
     (3660068278834501, -64);
     (7320136555967033, -68);
     (3253384010461739, -70);
     (5205415193171985, -74);
     (3794843559161859, -77);
     (316220357383893, -77)];
  LN_TAIL :=
    [(3002399751580361, -52);
     (1801439850921833, -52);
     (2573485516755827, -53);
     (8006390815870763, -55);
     (3275659775236179, -54);
     (689683288730473, -52);
     (1332705651887125, -53)] |}.

Definition table32 : table (Z * Z) := {|
  LOG2_E := (12102203, -23);
  LN2_HI := (1453635, -21);
  LN2_LO := (-1072225, -49);
  EXP_OVERFLOW := (89, 0);
  EXP_UNDERFLOW := (-13, 3);
  SHIFT := (3, 22);
  EXP_TAIL :=
    [(11184713, -26);
     (349523, -23);
     (8985849, -30);
     (11976051, -33)];
  LN_TAIL :=
    [(5592405, -23);
     (13421885, -25);
     (9575531, -25);
     (3956437, -24)] |}.
